"""This workstation as a backend: every job is a process of its own."""
