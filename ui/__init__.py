"""Streamlit building blocks that the pages share."""
