"""The advisor of a live run: when Claude is asked, at what cost, and its answers."""
