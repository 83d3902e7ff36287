"""A job as a program that repeats it without Fieldmark."""
