"""Gate activations, as a picture and as a page."""
