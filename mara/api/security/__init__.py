"""Who may call: logins, tokens, roles, origins, headers and rate limits."""
