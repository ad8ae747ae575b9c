"""Claude as advisor: conversation, tools, facts and the evaluation of its advice."""
