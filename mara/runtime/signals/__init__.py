"""A live run's signals: dispatch documents of any stored tick."""
