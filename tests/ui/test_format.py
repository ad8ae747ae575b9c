from datetime import UTC, datetime

import pytest

from components.shared import format as text

THIN = "\u202f"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(412.3, "412"), (41.23, "41.2"), (4.123, "4.12"), (0.4123, "0.41"), (0, "0"), (-41.23, "−41.2"), (999.6, "1 000")],
)
def test_a_key_figure_has_at_most_three_significant_digits(value: float, shown: str) -> None:
    assert text.significant(value) == shown.replace(" ", THIN)


@pytest.mark.parametrize(
    ("value_usd", "shown"),
    [
        (31_400, "31.4 kUSD/h"),
        (999_499, "999 kUSD/h"),
        (999_600, "1.00 MUSD/h"),
        (-1_200, "−1.20 kUSD/h"),
        (87, "87.0 USD/h"),
    ],
)
def test_a_rate_of_money_carries_its_unit_and_its_thousands(value_usd: float, shown: str) -> None:
    assert text.usd_per_h(value_usd) == shown


def test_a_loss_has_a_real_minus_and_a_gain_a_plus() -> None:
    assert text.usd(-12_300.4, signed=True) == f"−12{THIN}300 USD"
    assert text.usd(12_300.4, signed=True) == f"+12{THIN}300 USD"


def test_what_rounds_to_zero_has_no_sign() -> None:
    assert text.number(-0.04, 1) == "0.0"
    assert text.usd(0.3, signed=True) == "0 USD"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_shows_as_nothing(value: float) -> None:
    assert text.number(value) == text.significant(value) == text.availability(value) == "–"


@pytest.mark.parametrize(
    ("share", "shown"),
    [(1.0, "100.00 %"), (0.999, "99.90 %"), (0.998999, "99.89 %"), (0.9999999, "99.99 %"), (0.0, "0.00 %")],
)
def test_an_availability_is_never_rounded_up_to_its_target(share: float, shown: str) -> None:
    assert text.availability(share) == shown


@pytest.mark.parametrize(("share", "shown"), [(0.999, "99.9 %"), (0.95, "95 %"), (0.9, "90 %")])
def test_a_promise_is_shown_without_idle_zeros_and_stays_on_one_line(share: float, shown: str) -> None:
    assert text.target(share) == shown.replace(" ", "\u00a0")


@pytest.mark.parametrize(
    ("minutes", "shown"),
    [(0, "0 min"), (5, "5 min"), (60, "1 h"), (200, "3 h 20 min"), (1_440, "1 d"), (3_120, "2 d 4 h")],
)
def test_a_span_is_told_in_its_two_largest_units(minutes: float, shown: str) -> None:
    assert text.duration(minutes) == shown


def test_simulated_time_is_told_in_utc() -> None:
    at = datetime(2025, 7, 2, 14, 5, tzinfo=UTC)
    assert text.utc_moment(at) == "2 Jul 2025 14:05 UTC"
    assert text.utc_time(at) == "14:05"


def test_a_share_becomes_percent_only_here() -> None:
    assert text.percent(0.0012, 2) == "0.12 %"
    assert text.count_of(43, 1_045) == f"43 of 1{THIN}045"
    assert text.mw(41.26) == "41.3 MW"


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("4 Jul: 336,494 USD earned. Hottest: 39 C at Oslo; dearest power: 1,200 USD/MWh at B.", "336_494 USD"),
        ("Hottest: -5 C at Oslo.", "Hottest: \u22125 \u00b0C at Oslo."),
        ("Positions bought day-ahead: -1,234,567 USD.", "\u22121_234_567 USD."),
        ("promises could not all be kept: 1,234.5 MWh of the next day", "1_234.5 MWh of"),
        ("Type C at Oslo, 12,5 and 2025-07-01 stay.", "Type C at Oslo, 12,5 and 2025-07-01 stay."),
    ],
)
def test_a_stored_sentence_is_shown_with_numbers_as_everywhere_else(told: str, shown: str) -> None:
    assert shown.replace("_", THIN) in text.sentence(told)
    assert "39 C" not in text.sentence(told)
