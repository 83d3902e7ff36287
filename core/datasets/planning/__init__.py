"""Import plans: recognise the layout of a folder before any photo is decoded."""
