"""Datasets: a manifest per immutable version, the ways images come in, and the splits."""
