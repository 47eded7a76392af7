"""What keeps a platform as it was meant to be: Azure Policy assignments, and locks on what holds data."""
