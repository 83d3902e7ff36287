"""Endpoints here: a process that serves one model over HTTP, and a client that asks it."""
