"""Carbon and weather."""
