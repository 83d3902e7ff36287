"""Fieldmark, a peer and the ratio, measured in one run: `python -m benchmarks NAME`."""
