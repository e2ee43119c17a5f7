"""Training steps of the five models: ours, Keras's and PyTorch's."""
