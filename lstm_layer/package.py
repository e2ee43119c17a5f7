"""Names the package under which Keras registers and saves the layers."""

PACKAGE = "carousel"
