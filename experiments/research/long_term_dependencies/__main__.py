"""Runs the grid; `--help` says how."""

from experiments.research.long_term_dependencies.grid import main

if __name__ == "__main__":
    main()
