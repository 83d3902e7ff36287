"""The Models page: the list of models, and the figures and photos of one."""
