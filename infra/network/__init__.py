"""Who may reach the platform over the network, and how the platform reaches what it needs."""
