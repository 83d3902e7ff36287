"""A batch of photos, and its parts alone."""
