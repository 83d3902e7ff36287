"""Transform jobs: where their images come from, and the one table of answers that each of them leaves."""
