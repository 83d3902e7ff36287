"""Imports, inspections and exports here, each a job with a worker."""
