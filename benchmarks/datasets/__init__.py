"""Datasets: their inspection, and how the time of each step grows with the photos."""
