"""Writes LiteRT files for devices, with each LSTM as one operation."""
