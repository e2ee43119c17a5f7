"""Metrics and plots of finished runs."""
