"""Bitcoin and exchange rates."""
