"""Live feeds: what was known at a tick is what the tick sees, whatever providers do."""
