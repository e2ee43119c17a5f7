"""Reads, splits, tokenizes and batches data."""
