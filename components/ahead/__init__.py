"""Panels of what is to come: plan by hour, calendar, and what-if questions."""
