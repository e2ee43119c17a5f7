"""Provides the textbook LSTM, written to be read: a cell, and a layer that runs it."""

from lstm_layer.cell import LSTMCell
from lstm_layer.layer import LSTM
from lstm_layer.swap import swap

__all__ = ["LSTM", "LSTMCell", "swap"]
