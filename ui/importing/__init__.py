"""Importing photos: the form, the preview, progress, and failed imports."""
