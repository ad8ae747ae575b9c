"""SQLite files and PostgreSQL servers: opened, upgraded, backed up and restored."""
