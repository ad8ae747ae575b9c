"""The tables of a run's database, their rows, and the rows that a seal covers."""
