"""A job as a program that repeats it by hand."""
