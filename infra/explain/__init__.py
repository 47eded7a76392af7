"""What a stack would have, what it costs to leave it running, and why each of its settings is what it is."""
