"""The error tree: every error tells the command line how to end."""

import inspect

import pytest

from mara import errors
from mara.errors import MaraError

EVERY_ERROR = [
    item
    for item in vars(errors).values()
    if inspect.isclass(item) and issubclass(item, MaraError) and item is not MaraError
]


@pytest.mark.parametrize("error", EVERY_ERROR, ids=lambda error: error.__name__)
def test_an_error_ends_the_command_line_with_a_code_of_the_contract(error: type[MaraError]) -> None:
    assert error.exit_code in {1, 2, 3, 4}


@pytest.mark.parametrize("error", EVERY_ERROR, ids=lambda error: error.__name__)
def test_an_error_is_drawn_in_the_tree(error: type[MaraError]) -> None:
    assert f"─ {error.__name__} " in (errors.__doc__ or "")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.MaraError, 1),
        (errors.ConfigError, 2),
        (errors.FeedInvalid, 3),
        (errors.FeedUnavailable, 3),
        (errors.PlanTimeout, 1),
        (errors.CommandError, 2),
        (errors.StoreError, 4),
        (errors.StoreRefused, 4),
    ],
)
def test_an_exit_code_names_whose_fault_it_was(error: type[MaraError], code: int) -> None:
    assert error.exit_code == code
