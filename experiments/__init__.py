"""Command lines, recipes, recorded results, benchmarks and research."""

from apps.common.portable.quiet import quieten_command

quieten_command()
