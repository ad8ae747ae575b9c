from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from components.shared.view_model import ViewModel, cell, difference

plain = st.one_of(st.text(max_size=3), st.integers(0, 3), st.lists(st.integers(0, 2), max_size=2))
values = st.recursive(plain, lambda inner: st.dictionaries(st.sampled_from("mn"), inner), max_leaves=4)
pictures = st.dictionaries(st.sampled_from("abc"), st.dictionaries(st.sampled_from("xyz"), values))


def applied(before: ViewModel, changes: ViewModel) -> ViewModel:
    """Apply a difference as a browser does: see `apply` in static/modules/state.js."""
    return {name: merged(before.get(name, {}), changes.get(name, {})) for name in before.keys() | changes.keys()}


def merged(target: Any, patch: Any) -> Any:
    """The algorithm of RFC 7396, section 2."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


@given(before=pictures, after=pictures)
def test_a_difference_turns_one_picture_into_the_other(before: ViewModel, after: ViewModel) -> None:
    before = {name: before.get(name, {}) for name in after}  # a screen's channels stay
    full = {name: channel for name, channel in applied(before, difference(before, after)).items() if channel}
    assert full == {name: channel for name, channel in after.items() if channel}


@given(picture=pictures)
def test_nothing_differs_from_itself(picture: ViewModel) -> None:
    assert difference(picture, picture) == {}


def test_a_bar_is_never_longer_than_its_place() -> None:
    assert cell("9 of 4", "bad", 2.25) == {"text": "9 of 4", "state": "bad", "share": 1.0}
    assert cell("−2", "", -0.5) == {"text": "−2", "share": 0.0}


def test_of_a_record_only_the_fields_that_changed_are_sent() -> None:
    before: ViewModel = {"rows": {"a": {"rank": 1, "now": cell("Oslo"), "left": cell("3 h", "warn")}}}
    after: ViewModel = {"rows": {"a": {"rank": 1, "now": cell("off", "bad"), "left": cell("2 h", "warn")}}}
    assert difference(before, after) == {
        "rows": {"a": {"now": {"text": "off", "state": "bad"}, "left": {"text": "2 h"}}}
    }
