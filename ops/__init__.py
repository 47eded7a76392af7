"""How people and pipelines run the platform."""
