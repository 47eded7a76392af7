"""Azure and Pulumi on one machine. The product never imports this package."""
