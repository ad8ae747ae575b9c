"""Tables as files: exports of stored tables, and the sites of the newest tick."""
