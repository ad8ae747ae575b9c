"""Comparison with other programs that do a part of Mara's work, in the same run."""
