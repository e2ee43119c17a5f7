"""The textbook LSTM, written to be read: one cell, and the layer that runs it."""

from lstm_layer.cell import LSTMCell
from lstm_layer.layer import LSTM

__all__ = ["LSTM", "LSTMCell"]
