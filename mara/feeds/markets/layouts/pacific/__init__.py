"""Layouts of markets in Asia and Australia."""
