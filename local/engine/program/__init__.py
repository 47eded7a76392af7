"""Running the program, in a process of its own or inside an Automation API client."""
