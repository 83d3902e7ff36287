"""Input and output, validated: files, photos, archives, downloads, names and spreadsheet cells."""
