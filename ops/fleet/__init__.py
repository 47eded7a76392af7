"""Many workspaces from one file: ``python -m ops fleet``."""
