"""What is remembered: the only package that speaks to a database."""
