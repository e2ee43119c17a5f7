"""Serves exported models over HTTP; a client; publishing for TensorFlow Serving."""
