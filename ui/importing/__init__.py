"""The ways in: a form for each, what a look into a source found, and an import as it goes on."""
