"""Fieldmark's domain: datasets, jobs, models, endpoints. Knows no Streamlit."""
