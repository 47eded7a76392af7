"""The language of ARM templates, evaluated purely; ``local/azure/deployment.py`` deploys what comes of it."""
