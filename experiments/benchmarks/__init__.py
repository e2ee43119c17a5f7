"""Measures time and memory of the layer, of training steps and of the server."""
