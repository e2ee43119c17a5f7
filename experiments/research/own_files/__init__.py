"""Compares the recipe `files` with TF-IDF on the user's kind of files."""
