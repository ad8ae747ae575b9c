"""The one writer's work: a tick's transaction, orders, and resuming a run."""
