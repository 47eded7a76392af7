"""Who may do what: identities, roles, and who has which where."""
