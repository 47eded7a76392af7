"""What must never be deployed."""
