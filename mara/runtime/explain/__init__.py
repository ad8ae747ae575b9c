"""Answers to why-questions: parsed, looked up in the stored run, told in facts."""
