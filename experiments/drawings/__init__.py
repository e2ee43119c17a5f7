"""The drawings of docs/lstm.md; `python -m experiments.drawings` writes them."""
