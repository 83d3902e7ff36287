"""The Deploy page: start an endpoint, ask it, watch it."""
