"""Rebuilds the tables of the README and of the pages."""

from experiments.results.tables import main

if __name__ == "__main__":
    main()
