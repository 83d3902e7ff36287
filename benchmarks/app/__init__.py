"""The app itself: its start, its pages over many photos, and importing those."""
