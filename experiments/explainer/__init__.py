"""The explainer: one HTML file in which trained LSTMs compute; see `__main__`."""
