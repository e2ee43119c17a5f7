"""Code that serving and the apps share; it needs no TensorFlow."""
