"""The advisor beside a live run: its questions, budget and answers."""
