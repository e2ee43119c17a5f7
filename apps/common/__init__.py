"""Code that two or more apps use unchanged."""
