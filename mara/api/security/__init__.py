"""Security of calls: logins, tokens, roles, origins, headers and rate limits."""
