"""Exported models over HTTP."""
