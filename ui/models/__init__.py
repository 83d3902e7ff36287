"""The Models page: the registry, and one model's figures and photos."""
