"""A tick's transaction: its rows, statements, orders, and how a run resumes."""
