"""SavedModels for TensorFlow Serving, checked before they are published."""
