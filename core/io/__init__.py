"""Bytes in and out, checked where they enter: files, photos, archives, downloads, names and
spreadsheets' cells."""
