"""What the platform is made of: one component per file, composed in phases by ``infra.platform``."""
