"""Questions that the recipes do not answer, and baselines."""
