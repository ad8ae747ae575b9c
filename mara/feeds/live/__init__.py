"""Live sources over HTTP, the memory of what they told, and the feed made of it."""
