"""What a screen shows of one moment, as plain values by channel and key.

A picture is a function of a snapshot, so it is computed once for all who look at the same screen; what is sent is the
difference to the last one. In the browser `static/mara.js` keeps the picture, and the components watch their channel.
"""

from typing import TypeAlias

Shown: TypeAlias = "str | float | list[Shown] | dict[str, Shown] | None"
Channel: TypeAlias = dict[str, Shown]
Picture: TypeAlias = dict[str, Channel]


def cell(text: str, state: str = "", share: float | None = None, href: str = "", note: str = "") -> Shown:
    """What one `LiveCell` or table cell shows: its text, the state that colours it, the length of its bar as a share
    0..1, and in a table where a click leads to and a second line.
    """
    parts: list[Shown] = [text, state, None if share is None else round(min(max(share, 0.0), 1.0), 3), href, note]
    while len(parts) > 1 and not parts[-1] and not isinstance(parts[-1], float):
        parts.pop()
    return parts if len(parts) > 1 else text


def difference(before: Picture, after: Picture) -> Picture:
    """What changes `before` into `after`: new values, and None for what is gone. Empty when nothing changed."""
    changes = {name: _channel_difference(before.get(name, {}), channel) for name, channel in after.items()}
    return {name: channel for name, channel in changes.items() if channel}


def _channel_difference(before: Channel, after: Channel) -> Channel:
    changed: Channel = {key: value for key, value in after.items() if key not in before or before[key] != value}
    gone: Channel = dict.fromkeys(before.keys() - after.keys())
    return changed | gone
