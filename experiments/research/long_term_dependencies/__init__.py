"""Trains recurrent networks on tasks with long-term dependencies."""
