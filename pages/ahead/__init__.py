"""Pages of what is to come: forecast and plan, calendar, and what-if questions."""
