"""One tick: orders accepted, the engine's step, and its storage."""
