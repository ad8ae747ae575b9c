"""Pages of the dashboard, and the console script that serves them."""
