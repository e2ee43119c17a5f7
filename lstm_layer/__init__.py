"""The textbook LSTM, written to be read: one cell, and the layer that runs it."""

from lstm_layer.cell import LSTMCell
from lstm_layer.layer import LSTM
from lstm_layer.swap import swap

__all__ = ["LSTM", "LSTMCell", "swap"]
