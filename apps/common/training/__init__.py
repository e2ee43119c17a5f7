"""Training: one job, one or many replicas, run directories, exact resume."""
