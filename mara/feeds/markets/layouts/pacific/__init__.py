"""Markets of Asia and Australia."""
