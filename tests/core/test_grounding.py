"""Claims hold references instead of numbers, and are checked against facts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mara.core.grounding import ClaimKind, Direction, Draft, faults_of, quantity, rendered

FACTS = {
    "E1.cost_usd_per_h": 3_105.2,
    "E2.cost_usd_per_h": 2_800.0,
    "E2.carbon_t_per_h": 1.234,
    "E2.time_zone_gain_usd_per_h": -12.0,
    "E2.cost_change_usd_per_h": -305.2,
    "E2.regret_share": 0.0123,
    "E2.contracts_mw": 54.6,
    "E3.broken_usd": float("nan"),
}
NAMES = {"s01": "Iceland", "s02": "Berlin"}


def draft(text: str, *refs: str, kind: ClaimKind = "other", direction: Direction = "none") -> Draft:
    return Draft(kind=kind, text=text, direction=direction, refs=refs)


def faults(*drafts: Draft, headline: str = "All well.") -> str:
    return " | ".join(faults_of(headline, drafts, FACTS, NAMES))


def test_a_claim_of_references_is_grounded_and_reads_with_values_units_and_names() -> None:
    text = "s01 costs {{E1.cost_usd_per_h}} and emits {{ E2.carbon_t_per_h }}, within {{E2.regret_share}}."
    assert faults(draft(text)) == ""
    assert rendered(text, FACTS, NAMES) == "Iceland costs 3\u202f105 USD/h and emits 1.23 t CO2/h, within 1.23 %."


@pytest.mark.parametrize(
    "text",
    [
        "It saves 400.",
        "It saves ４００.",
        "It saves ½.",
        "It saves Ⅳ.",
        "It saves 三.",
        "It saves a % more.",
        "It is twice as cheap.",
        "It saves half of it.",
        "It costs a dozen.",
        "It is tenfold.",
        "It doubles.",
        "Seventeen sites.",
        "s01x and s1 cost less.",
        "s0１ costs less.",
        "E1 is best.",
    ],
)
def test_a_number_outside_a_reference_is_refused(text: str) -> None:
    assert "is a number" in faults(draft(text, "E1.cost_usd_per_h"))
    assert "headline" in faults(draft("Good.", "E1.cost_usd_per_h"), headline=text)


@pytest.mark.parametrize(
    "text", ["One of the sites is someone's.", "At s01 and s02 it is often quiet.", "Weight, tension, often."]
)
def test_words_that_only_look_like_numbers_are_let_through(text: str) -> None:
    assert faults(draft(text, "E1.cost_usd_per_h")) == ""


@pytest.mark.parametrize("ref", ["E9.cost_usd_per_h", "E3.broken_usd", "cost_usd_per_h", "__class__"])
def test_a_reference_to_nothing_is_refused(ref: str) -> None:
    assert "there is no fact" in faults(draft(f"It costs {{{{{ref}}}}}."))
    assert "there is no fact" in faults(draft("It costs.", ref))
    assert "there is no fact" in faults(draft("Good.", "E1.cost_usd_per_h"), headline=f"It costs {{{{{ref}}}}}.")


def test_a_claim_without_any_reference_is_refused_and_so_is_an_explanation_without_claims() -> None:
    assert "refer to at least one fact" in faults(draft("It is good."))
    assert "give at least one" in faults()


@pytest.mark.parametrize(
    ("refs", "direction", "is_so"),
    [
        (("E2.cost_usd_per_h", "E1.cost_usd_per_h"), "lower", True),
        (("E2.cost_usd_per_h", "E1.cost_usd_per_h"), "higher", False),
        (("E1.cost_usd_per_h", "E2.cost_usd_per_h"), "higher", True),
        (("E2.carbon_t_per_h", "E2.cost_usd_per_h", "E1.cost_usd_per_h"), "lower", True),
        (("E2.cost_change_usd_per_h",), "lower", True),
        (("E2.cost_change_usd_per_h",), "higher", False),
        (("E1.cost_usd_per_h",), "lower", False),
        (("E1.cost_usd_per_h", "E2.carbon_t_per_h"), "lower", False),
        (("E1.cost_usd_per_h", "E1.cost_usd_per_h"), "lower", False),
    ],
)
def test_a_direction_is_what_the_facts_say(refs: tuple[str, ...], direction: Direction, is_so: bool) -> None:
    assert (faults(draft("It changes.", *refs, direction=direction)) == "") is is_so


def test_the_two_highlighted_kinds_must_rest_on_facts_of_their_kind() -> None:
    assert "carbon" in faults(draft("Cool.", "E1.cost_usd_per_h", kind="climate_savings"))
    assert faults(draft("Cool.", "E2.carbon_t_per_h", kind="climate_savings")) == ""
    assert "time_zone" in faults(draft("Late.", "E1.cost_usd_per_h", kind="timezone_optimization"))
    assert faults(draft("Late.", "E2.time_zone_gain_usd_per_h", kind="timezone_optimization")) == ""


@pytest.mark.parametrize("text", ["", "   ", "x" * 601, "bell\x07", "right\u202eleft", "{E1.cost_usd_per_h}", "a }} b"])
def test_a_text_that_no_screen_should_show_is_refused(text: str) -> None:
    assert faults(draft(text, "E1.cost_usd_per_h")) != ""


@pytest.mark.parametrize(
    ("ref", "value", "shown"),
    [
        ("a_usd_per_h", -12.04, "\u221212 USD/h"),
        ("a_usd_per_h", 1_234_567.8, "1\u202f234\u202f568 USD/h"),
        ("a_mw", 0.0, "0 MW"),
        ("a_mw", 41.26, "41.3 MW"),
        ("a_share", 0.5, "50 %"),
        ("cooling_pue", 1.085, "1.08"),
        ("a_c", -3.21, "\u22123.21 °C"),
        ("a_mw", -0.001, "0 MW"),
    ],
)
def test_a_fact_is_shown_with_three_digits_and_its_unit(ref: str, value: float, shown: str) -> None:
    assert quantity(ref, value) == shown


@given(st.text(max_size=80))
def test_whatever_a_grounded_prose_says_its_digits_are_none(text: str) -> None:
    if faults(draft(text, "E1.cost_usd_per_h")) == "" and "{" not in text:
        prose = rendered(text, FACTS, {})
        assert not any(letter.isdigit() for letter in prose.replace("s01", "").replace("s02", ""))
