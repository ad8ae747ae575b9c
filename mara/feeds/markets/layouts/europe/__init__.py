"""European markets."""
