"""Keras layers that two apps use."""
