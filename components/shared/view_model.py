"""View model: all values that a screen shows at one moment, by channel and key.

It is a function of a snapshot, so it is computed once for all viewers of a screen; browsers get the difference
to the last one as a JSON merge patch (RFC 7396, https://www.rfc-editor.org/rfc/rfc7396). In the browser
`static/modules/state.js` keeps it, and the components follow their channel.
"""

from typing import Final, TypeAlias

Shown: TypeAlias = "str | float | list[Shown] | dict[str, Shown] | None"
Row: TypeAlias = dict[str, Shown]
"""Row of a table: its `rank`, and a cell for the key of each column."""
Channel: TypeAlias = dict[str, Shown]
ViewModel: TypeAlias = dict[str, Channel]


def cell(text: str, state: str = "", share: float | None = None, href: str = "", note: str = "") -> Shown:
    """Return the content of a cell: its text, or a record of text and attributes.

    Args:
        state: colours the text.
        share: length of a bar, cut to 0..1.
        href: path on this server that a click leads to; in tables only.
        note: second line; in tables only.
    """
    record: Row = {"text": text}
    record.update((key, value) for key, value in (("state", state), ("href", href), ("note", note)) if value)
    if share is not None:
        record["share"] = round(min(max(share, 0.0), 1.0), 3)
    return record if len(record) > 1 else text


def difference(before: ViewModel, after: ViewModel) -> ViewModel:
    """Return the patch that turns `before` into `after`; empty for no change."""
    changes = {name: _patch(before.get(name, {}), channel) for name, channel in after.items()}
    return {name: patch for name, patch in changes.items() if patch}


def _patch(before: Channel, after: Channel) -> Channel:
    """Return the merge patch of two records; None for a key that is gone."""
    if before == after:  # most are, and Python compares them faster than this function walks through them
        return {}
    changed: Channel = {}
    for key, value in after.items():
        old = before.get(key, _MISSING)
        if old == value:
            continue
        if isinstance(old, dict) and isinstance(value, dict):
            changed[key] = _patch(old, value)
        else:
            changed[key] = value
    changed.update(dict.fromkeys(before.keys() - after.keys()))
    return changed


_MISSING: Final = object()
