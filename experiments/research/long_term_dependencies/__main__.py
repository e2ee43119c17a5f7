"""Runs the grid of networks, tasks and gaps."""

from experiments.research.long_term_dependencies.grid import main

if __name__ == "__main__":
    main()
