from hypothesis import given
from hypothesis import strategies as st

from components.shared.view_model import Picture, cell, difference

values = st.one_of(st.text(max_size=3), st.integers(0, 3), st.lists(st.integers(0, 2), max_size=2))
pictures = st.dictionaries(st.sampled_from("abc"), st.dictionaries(st.sampled_from("xyz"), values))


def applied(before: Picture, changes: Picture) -> Picture:
    """What a browser makes of a difference: see `apply` in static/mara.js."""
    after = {name: dict(channel) for name, channel in before.items()}
    for name, channel in changes.items():
        for key, value in channel.items():
            if value is None:
                del after[name][key]
            else:
                after.setdefault(name, {})[key] = value
    return after


@given(before=pictures, after=pictures)
def test_a_difference_turns_one_picture_into_the_other(before: Picture, after: Picture) -> None:
    before = {name: before.get(name, {}) for name in after}  # a screen's channels stay
    full = {name: channel for name, channel in applied(before, difference(before, after)).items() if channel}
    assert full == {name: channel for name, channel in after.items() if channel}


@given(picture=pictures)
def test_nothing_differs_from_itself(picture: Picture) -> None:
    assert difference(picture, picture) == {}


def test_a_bar_is_never_longer_than_its_place() -> None:
    assert cell("9 of 4", "bad", 2.25) == ["9 of 4", "bad", 1.0]
    assert cell("−2", "", -0.5) == ["−2", "", 0.0]
