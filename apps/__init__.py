"""Five applications of one LSTM."""
