"""The advisor beside a live run: when it is asked, what it may spend, what it said."""
