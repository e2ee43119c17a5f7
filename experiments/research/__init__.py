"""Baselines, and experiments beyond the recipes."""
