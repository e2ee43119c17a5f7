"""What two apps use unchanged."""
