"""Who may do what: principals, what their roles permit, and from which network they call.

``permission`` (what a role permits) and ``operation`` (what a request asks for) are pure; ``authorizer`` puts them together
with the role assignments in the store; ``directory`` keeps the principals besides the first; ``instance_identity`` gives
jobs and deployments the tokens of their managed identity; ``vantage`` says which network a connection comes from.

Omitted: conditions on what isn't named in ``condition`` (refused where they are PUT), deny assignments, PIM, conditional access; a
new assignment holds at once.
"""
