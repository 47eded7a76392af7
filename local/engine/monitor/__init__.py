"""What a running program talks to: Pulumi's resource monitor, and the transforms it registers."""
