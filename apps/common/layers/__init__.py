"""Keras layers that two or more apps use."""
