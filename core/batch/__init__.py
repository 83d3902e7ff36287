"""Batch jobs: where their photos come from, and the one table of answers that each of them
leaves."""
