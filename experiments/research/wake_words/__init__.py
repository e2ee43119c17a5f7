"""How misses of a wake word fall with the number of recordings to learn from."""
