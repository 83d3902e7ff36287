"""Stored requests of endpoints, drift, and load tests."""
