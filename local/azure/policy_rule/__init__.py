"""Azure Policy, evaluated: what a rule says of a resource, and what follows from it.

``alias`` (where a field is in a body), ``expression`` (functions), ``condition`` (``if``), ``change`` (``modify`` and ``append``)
and ``check`` (what a definition may say) are pure; ``assignment`` reads which policies hold for a resource, ``enforcement`` is
asked by every write, ``compliance`` says how what is there stands.

Omitted: definitions and assignments of management groups; modes of data planes (``Microsoft.Kubernetes.Data`` …), which are kept and
never evaluated; the deployments of ``deployIfNotExists`` and remediation tasks: what they would deploy isn't there, and that is what
the compliance says; effects ``manual``, ``mutate`` and ``addToNetworkGroup``.

Source: Microsoft Learn, "Azure Policy definition structure" (policy rule, fields, effects, array conditions), "Azure Policy assignment
structure", "Azure Policy exemption structure".
"""
