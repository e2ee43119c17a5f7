"""Metrics of classifiers, and plots."""
