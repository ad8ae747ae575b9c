"""A database's files: locks, permissions, disk space and leftovers."""
