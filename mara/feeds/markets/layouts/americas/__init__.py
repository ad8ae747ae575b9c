"""American markets."""
