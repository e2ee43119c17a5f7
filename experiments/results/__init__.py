"""What the recipes and benchmarks reached, and the tables made of it."""
