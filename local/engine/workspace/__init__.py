"""The project file, a stack's configuration and the stack as commands use it."""
