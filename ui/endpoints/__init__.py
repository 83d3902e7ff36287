"""The Deploy page: start an endpoint, classify photos, load-test and monitor it."""
