"""Cache of answers, so that no question is paid for or rejected twice."""

from collections import OrderedDict, deque
from dataclasses import replace
from typing import Final

from mara.optimizers.advisor.advised import Advice
from mara.optimizers.advisor.prompt import PROMPT_VERSION
from mara.runtime.advisor.consultation import AdviceQuestion

MAX_CACHED: Final = 16
MAX_REJECTED: Final = 64


class AdviceCache:
    """Keeps the newest answers of a model, by those parts of a question that matter.

    The caller's lock keeps threads apart.
    """

    def __init__(self, model: str) -> None:
        self._model = model
        self._answers: OrderedDict[str, Advice] = OrderedDict()
        self._rejected: deque[str] = deque(maxlen=MAX_REJECTED)

    def answer(self, question: AdviceQuestion) -> Advice | None:
        """Return the answer to the same question, dated anew and free of charge.

        None where the question is new.
        """
        found = self._answers.get(self._key(question))
        if found is None:
            return None
        return replace(found, made_tick=question.problem.tick, provenance=replace(found.provenance, cost_usd=0.0))

    def keep(self, question: AdviceQuestion, advice: Advice) -> None:
        """Remember an answer; the oldest is dropped when there are too many."""
        self._answers[self._key(question)] = advice
        while len(self._answers) > MAX_CACHED:
            self._answers.popitem(last=False)

    def reject(self, question: AdviceQuestion) -> None:
        """Remember that the service rejects a question, so that it is not sent again."""
        self._rejected.append(question.snapshot_hash)

    def is_rejected(self, question: AdviceQuestion) -> bool:
        return question.snapshot_hash in self._rejected

    def _key(self, question: AdviceQuestion) -> str:
        return f"{question.snapshot_hash} {self._model} {PROMPT_VERSION}"
