"""``python -m local replay DIR``: Azure's own documentation, replayed against a private local Azure."""
