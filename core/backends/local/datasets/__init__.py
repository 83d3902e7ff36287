"""Local jobs that import, preview, inspect and export datasets."""
