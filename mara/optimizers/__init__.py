"""Problem in, Plan out: every way of deciding what runs where, behind one protocol."""
