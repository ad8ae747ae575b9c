"""What serves pages: sockets, callers, publisher, jobs and the cached past."""
