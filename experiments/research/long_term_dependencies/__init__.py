"""How far back recurrent networks remember."""
