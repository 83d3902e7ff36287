"""A batch of photos: the whole of it, and its parts alone."""
