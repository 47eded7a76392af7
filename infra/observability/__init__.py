"""Where logs go, who is told, and what is drawn of it all."""
