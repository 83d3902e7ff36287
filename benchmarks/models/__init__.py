"""A model's recognition of unfamiliar photos."""
