"""Actions of users behind the panels of several pages."""
