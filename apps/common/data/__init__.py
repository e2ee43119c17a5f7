"""Data: read, split, tokenized, batched."""
