"""Explains a prediction by its gate activations: a PNG picture and an HTML page."""
