"""Keyword spotting in audio streams."""
