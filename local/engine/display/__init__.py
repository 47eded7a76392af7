"""Engine events, and how people read them."""
