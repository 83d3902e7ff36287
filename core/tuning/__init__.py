"""Tuning: what may vary, what to try next, what the trials say, and advice drawn from them."""
