"""Keyword spotting in long streams of sound."""
