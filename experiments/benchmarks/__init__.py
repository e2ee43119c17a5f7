"""Time and memory of the layer, of whole steps and of the server."""
