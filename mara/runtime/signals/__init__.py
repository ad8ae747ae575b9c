"""A live run's signals: stored dispatch documents, telemetry and modes."""
