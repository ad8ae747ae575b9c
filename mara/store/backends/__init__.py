"""SQLite files and PostgreSQL servers: open, upgrade, back up and restore them."""
