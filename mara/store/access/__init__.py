"""Users, tokens, sessions, the access log, and what asking Claude has cost."""
