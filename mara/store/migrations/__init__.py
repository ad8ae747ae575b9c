"""Migrations of the schema, one a file, from the first version to this one."""
