"""Answers by kind of question, each from look-ups in the stored run."""
