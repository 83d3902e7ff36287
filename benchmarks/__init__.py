"""Our figure, a peer's and the ratio, measured in one run: `python -m benchmarks NAME`."""
