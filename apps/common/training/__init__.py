"""Trains on one or many replicas, in run directories, and resumes exactly."""
