"""Why-questions: parsed, looked up in the stored run, answered in sentences of facts."""
