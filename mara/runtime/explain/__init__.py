"""Answers to why-questions: the parser, look-ups in the stored run, and sentences."""
