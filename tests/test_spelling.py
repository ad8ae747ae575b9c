"""Misspelt names are recognised, and other words are left alone."""

import pytest

from mara.spelling import meant_by, nearest

SETTINGS = ("port", "seed", "tick_minutes", "max_clients")
SITES = ("iceland", "oslo", "texas", "tokyo", "vancouver")


def test_the_nearest_name_is_the_one_that_shares_most_letters() -> None:
    assert nearest("sede", SETTINGS) == "seed"
    assert nearest("max_client", SETTINGS) == "max_clients"
    assert nearest("clients_max", SETTINGS) == "max_clients"


def test_nothing_is_near_to_a_name_of_other_letters_unless_anything_will_do() -> None:
    assert nearest("wxyz", SETTINGS) is None
    assert nearest("wxyz", SETTINGS, least_share=0.0) in SETTINGS
    assert nearest("port", ()) is None


@pytest.mark.parametrize(
    ("word", "meant"),
    [("icland", "iceland"), ("icelnad", "iceland"), ("olso", "oslo"), ("teaxs", "texas"), ("vancovuer", "vancouver")],
)
def test_a_word_with_letters_swapped_or_lost_means_a_name(word: str, meant: str) -> None:
    assert meant_by(word, SITES) == meant


@pytest.mark.parametrize("word", ["also", "took", "taxes", "iceberg", "vacant", ""])
def test_another_word_means_no_name(word: str) -> None:
    assert meant_by(word, SITES) is None


@pytest.mark.parametrize("known", [("host", "port"), ("port", "host")])
def test_the_order_of_the_known_names_decides_nothing(known: tuple[str, ...]) -> None:
    assert nearest("hort", known) == "port"
    assert meant_by("hort", known) == "port"
