"""The app: its start, pages over many photos, imports."""
