"""Users, tokens, sessions, the access log, and the cost of API requests to Claude."""
