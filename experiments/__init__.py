"""Command lines, recipes, recorded results, benchmarks and research."""
