"""What runs on the platform: models, endpoints, traffic and monitors as resources; drift statistics."""
