"""Feeds: what comes from outside is checked at the door, and forecasts know no more than was known."""
