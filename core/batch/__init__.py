"""Batches: the list of photos, their sources, and the table of results."""
