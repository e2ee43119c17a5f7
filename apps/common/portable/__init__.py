"""Code that serving and the apps share; it needs NumPy, but not TensorFlow."""
