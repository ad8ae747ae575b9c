"""JSON of dispatch documents, in the form that `mara.dispatch/1` publishes."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from mara.core.dispatch_document import DispatchDocument, GroupTarget, SiteTarget

SCHEMA_FILE: Final = Path(__file__).parents[1] / "data" / "schemas" / "dispatch-1.json"
"""JSON Schema of a document; a test validates documents against it."""
DECIMALS: Final = 6
"""Decimals of a megawatt that are told: whole watts."""


def plain_document(document: DispatchDocument) -> dict[str, Any]:
    """Convert a document to JSON values under their public names."""
    plan = document.plan
    return {
        "schema": document.schema,
        "run": document.run,
        "tick": document.tick,
        **({"revision": document.revision_number} if document.revision_number else {}),
        "issued_at": _instant(document.issued_at),
        "valid_from": _instant(document.valid_from),
        "valid_to": _instant(document.valid_to),
        "mode": document.mode,
        "plan": {
            "optimizer": plan.optimizer,
            "made_tick": plan.made_tick,
            "age_s": plan.age_s,
            "gap_share": plan.gap_share,
        },
        "sites": [_site(site) for site in document.sites],
    }


def document_bytes(document: DispatchDocument) -> bytes:
    """Write a document as one line of JSON."""
    return json.dumps(plain_document(document), allow_nan=False, separators=(",", ":")).encode()


def site_bytes(document: DispatchDocument, site: SiteTarget) -> bytes:
    """Write a document with the targets of one site alone."""
    plain = {**plain_document(document), "mode": site.mode, "sites": [_site(site)]}
    return json.dumps(plain, allow_nan=False, separators=(",", ":")).encode()


def schema_of_documents() -> dict[str, Any]:
    """Read the JSON Schema of a document."""
    schema: dict[str, Any] = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    return schema


def _site(site: SiteTarget) -> dict[str, Any]:
    return {
        "site_id": site.site_id,
        "mode": site.mode,
        "site_power_mw": _watts(site.site_power_mw),
        "limit_mw": None if site.site_limit_mw is None else _watts(site.site_limit_mw),
        "groups": [_group(group) for group in site.groups],
        "contracts": [{"contract_id": one.contract_id, "power_mw": _watts(one.power_mw)} for one in site.contracts],
        "reserve_mw": _watts(site.reserve_mw),
        "reasons": list(site.reasons),
    }


def _group(group: GroupTarget) -> dict[str, Any]:
    return {
        "group": group.group,
        "kind": group.kind,
        "power_mw": _watts(group.power_mw),
        "units_on": group.units_on_count,
        "not_before": None if group.not_before is None else _instant(group.not_before),
        "order": group.order_number,
    }


def _watts(power_mw: float) -> float:
    """Round to whole watts; a negative zero, which some readers refuse, becomes zero."""
    return round(power_mw, DECIMALS) + 0.0


def _instant(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
