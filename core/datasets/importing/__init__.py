"""From a folder, an archive or a bucket to a dataset version, and what was found on the way."""
