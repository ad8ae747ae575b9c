"""The tables of a run's database, and which of their rows a seal covers."""
