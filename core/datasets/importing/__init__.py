"""Imports: from a folder, an archive or S3 to a dataset version with a report."""
