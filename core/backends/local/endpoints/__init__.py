"""Endpoints on this workstation: a process that serves one model over HTTP, and its client."""
