"""The command lines, their recipes and what these reached."""
