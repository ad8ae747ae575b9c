"""The screens, seen by a simulated user."""
