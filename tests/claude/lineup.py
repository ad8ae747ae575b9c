"""The models that the imitated API knows, as `GET /v1/models/{id}` describes them."""

from typing import Any

from anthropic.types import ModelInfo

YES, NO = {"supported": True}, {"supported": False}
EFFORTS = ("low", "medium", "high", "xhigh", "max")


def model_of(name: str, line: str, lifecycle: str = "active", **more: Any) -> ModelInfo:
    return ModelInfo.model_validate(
        {
            "id": name,
            "type": "model",
            "display_name": name.replace("-", " ").title(),
            "line": line,
            "lifecycle": lifecycle,
            "created_at": "2026-09-01T00:00:00Z",
            "max_input_tokens": 1_000_000,
            "max_tokens": 64_000,
            "capabilities": capabilities(),
            **more,
        }
    )


def capabilities() -> dict[str, Any]:
    plain = ("batch", "citations", "code_execution", "image_input", "pdf_input", "structured_outputs")
    return {
        **dict.fromkeys(plain, YES),
        "context_management": YES,
        "effort": {**YES, **dict.fromkeys(EFFORTS, YES)},
        "server_tools": {**YES, "code_execution": YES, "web_search": YES},
        "thinking": {**YES, "types": {"adaptive": YES, "between_tools": NO, "disabled": NO, "enabled": NO}},
    }


LINEUP = (
    model_of("claude-sonnet-5-5", "sonnet"),
    model_of("claude-haiku-5-5", "haiku"),
    model_of(
        "claude-opus-4-5",
        "opus",
        "deprecated",
        deprecated_at="2026-08-01T00:00:00Z",
        retires_at="2027-02-01T00:00:00Z",
    ),
    model_of("claude-sonnet-4-0", "sonnet", "retired", retires_at="2026-06-15T00:00:00Z"),
)
