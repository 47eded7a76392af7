"""What a change would do, as one comment on a pull request."""
