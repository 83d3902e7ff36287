"""Deleted datasets and jobs, which can be restored for some days."""
