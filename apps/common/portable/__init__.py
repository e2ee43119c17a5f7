"""What serving shares with the apps: needs NumPy, but no TensorFlow and no Keras."""
