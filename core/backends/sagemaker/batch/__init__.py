"""Batch transform jobs: what goes to the bucket, and the answers that come back."""
