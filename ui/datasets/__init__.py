"""The Datasets page: browse, edit, split, export."""
