"""The Datasets page: import, browse, mend, split, export."""
