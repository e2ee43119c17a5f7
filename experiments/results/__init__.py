"""Recorded results as JSON files, and the command that rebuilds the tables of them."""
