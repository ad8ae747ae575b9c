"""Service of the pages: connections, users, publisher, jobs and the cached past."""
