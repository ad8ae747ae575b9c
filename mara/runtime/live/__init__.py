"""The live run: its pace, its planner, its quotes and what is shown of it."""
