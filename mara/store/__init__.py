"""The stored run: the only package that imports a database driver or ORM."""
