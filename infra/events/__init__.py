"""What happens in the workspace, and what it starts."""
