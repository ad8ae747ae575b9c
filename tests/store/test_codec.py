"""Worlds, observations, plans and orders decode from bytes exactly as encoded."""

import dataclasses
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mara.core.arrays import LATER, Floats, sealed
from mara.core.commands import Book, Cancel, Exclude, GridNotice, Outage, Restore, Retract
from mara.core.contract import ClosedWindow, ContractRequest, Exclusion, SlaAccounts, SlaContract, Tier, book_of
from mara.core.day import NOT_BEGUN, Day
from mara.core.fleet import Fleet
from mara.core.market import Terms
from mara.core.plan import PlanStep
from mara.core.world import Gains, RunConfig, World, first_world
from mara.errors import StoreRefused
from mara.store.encoding.codec import bytes_of, commands_bytes, commands_of, record_of, text_of, value_of
from mara.store.schema import rows
from tests.store.runs import observation_at, plan_at, small_charter, steps

WHOLE = st.integers(-(2**63), 2**63 - 1)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
SITES = 2


def same(a: Any, b: Any) -> bool:
    """True if two values are equal bit for bit: types, dtypes, shapes, signs of zero."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes() and not b.flags.writeable
    if dataclasses.is_dataclass(a):
        return all(same(getattr(a, f.name), getattr(b, f.name)) for f in dataclasses.fields(a))
    if isinstance(a, tuple):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, float):
        return struct.pack("<d", a) == struct.pack("<d", b)
    return bool(a == b)


def floats(*shape: int) -> st.SearchStrategy[np.ndarray]:
    return arrays.arrays(np.float64, shape, elements=FINITE).map(sealed)


def ints(*shape: int) -> st.SearchStrategy[np.ndarray]:
    return arrays.arrays(np.int64, shape, elements=WHOLE).map(sealed)


CONTRACTS = st.builds(
    SlaContract,
    id=st.text(),
    tier=st.sampled_from(Tier),
    customer=st.text(),
    power_mw=st.floats(0.0, 100.0),
    rate_usd_per_mwh=st.floats(0.0, 1_000.0),
    starts_tick=st.integers(0, 2**31),
    ends_tick=st.integers(0, 2**31),
    timezone=st.just("Asia/Tokyo"),
)
CLOSED = st.builds(ClosedWindow, tier=st.sampled_from(Tier), contract_id=st.text(), **{
    f.name: WHOLE for f in dataclasses.fields(ClosedWindow) if f.name not in ("tier", "contract_id")
})  # fmt: skip


@st.composite
def worlds(draw: st.DrawFn) -> World:
    contracts = tuple(draw(st.lists(CONTRACTS, max_size=4)))
    c = len(contracts)
    columns = {f.name: draw(ints(c)) for f in dataclasses.fields(SlaAccounts)}
    columns["served"] = draw(arrays.arrays(np.bool_, c).map(sealed))
    return World(
        tick=draw(WHOLE),
        book=book_of(contracts, 1 / 12),
        accounts=SlaAccounts(**columns),
        miners_mw=draw(floats(SITES, 3)),
        miner_off_ticks=draw(ints(SITES, 3)),
        availability_share=draw(floats(SITES)),
        outage_until_tick=draw(ints(SITES)),
        exclusions=tuple(draw(st.lists(st.builds(Exclusion), max_size=2))),
        closed=tuple(draw(st.lists(CLOSED, max_size=2))),
        gains=draw(st.builds(Gains)),
        cash_micro_usd=draw(WHOLE),
    )


@given(worlds())
@settings(max_examples=60)
def test_a_world_returns_from_its_bytes_bit_for_bit(world: World) -> None:
    content = bytes_of(world)
    again = record_of(World, content)

    assert same(world, again)
    assert bytes_of(again) == content


@given(worlds())
@settings(max_examples=20)
def test_a_world_stored_before_rests_and_days_were_counted_goes_on_with_none(world: World) -> None:
    accounts = record_of(SlaAccounts, bytes_of(world.accounts, without=frozenset({"rest_ticks"})))
    assert accounts.rest_ticks.tolist() == [0] * len(world.book.contracts)
    assert same(dataclasses.replace(accounts, rest_ticks=world.accounts.rest_ticks), world.accounts)
    again = record_of(World, bytes_of(world, without=frozenset({"day"})))
    assert again.day == Day()
    assert again.day.first_tick == NOT_BEGUN


@given(floats(3, len(rows.SITE_FIELDS)))
def test_an_observation_returns_from_its_rows_with_the_sign_of_each_zero(values: np.ndarray) -> None:
    seen = observation_at(5, small_charter(3))
    columns: dict[str, Any] = {name: sealed(values[:, j].copy()) for j, name in enumerate(rows.SITE_FIELDS)}
    seen = dataclasses.replace(seen, **columns)
    prices = rows.price_matrix(seen)
    as_stored = prices + 0.0  # what a REAL column makes of -0.0

    assert same(seen, rows.observation_of(5, as_stored, rows.market_values(seen, prices)))


def test_a_charter_returns_so_that_a_database_is_enough_to_replay() -> None:
    config = small_charter()
    again = record_of(RunConfig, bytes_of(config))

    assert bytes_of(again) == bytes_of(config)
    assert again.fleet.sites == config.fleet.sites
    assert again.terms == config.terms
    assert again.grid == config.grid
    assert isinstance(again.fleet, Fleet)


@dataclass(frozen=True, kw_only=True, eq=False)
class Seen:
    """As memories of planners and ticks whose meters are read later hold them."""

    price_usd_per_mwh: Floats
    day_ahead_usd_per_mwh: Floats | None = None
    limit_mw: Floats | None = dataclasses.field(default=None, metadata=LATER)


@pytest.mark.parametrize("limit_mw", [None, sealed(np.array([np.inf, 1.5])), sealed(np.array([7.0]))])
def test_an_array_that_may_be_missing_returns_bit_for_bit(limit_mw: Floats | None) -> None:
    seen = Seen(price_usd_per_mwh=sealed(np.array([1.0, 2.0])), day_ahead_usd_per_mwh=limit_mw, limit_mw=limit_mw)
    assert same(seen, record_of(Seen, bytes_of(seen)))


def test_a_plan_step_returns_bit_for_bit() -> None:
    config = small_charter()
    *_, (step, _, _) = steps(config, first_world(config), 30)
    plan = plan_at(step.world, config).steps[0]
    assert same(plan, record_of(PlanStep, bytes_of(plan)))


def test_orders_return_in_their_order_and_none_costs_nothing() -> None:
    request = ContractRequest(
        id="c1", tier=Tier.SPOT, customer="\ud83d, \x00", power_mw=0.1, duration_ticks=3, timezone="UTC"
    )
    orders = (
        Book(request=request, rate_usd_per_mwh=60.1),
        Cancel(contract_id="c0"),
        Outage(site_id="a", duration_ticks=2),
        Restore(site_id="a"),
        Exclude(contract_id="", from_tick=1, to_tick=2, reason="grid", author="ann"),
        Exclude(contract_id="c0", from_tick=1, to_tick=2, reason="maintenance: x", author="ann", site_id="a"),
        Retract(site_id="a", contract_id="", from_tick=1),
        GridNotice(event_id="e1", kind="ALERT_FIRE", text="Smoke", by="OpenADR VTN vtn.example"),
    )

    assert commands_of(commands_bytes(orders)) == orders
    assert commands_bytes(()) is None
    assert commands_of(None) == ()


def test_what_is_no_list_of_records_is_not_written_as_an_empty_one() -> None:
    records = tuple[ContractRequest, ...]
    assert value_of(records, text_of(records, ())) == ()
    with pytest.raises(TypeError):
        text_of(records, None)


def test_a_field_that_an_older_mara_did_not_know_takes_its_default() -> None:
    written = text_of(Terms, Terms(carbon_price_usd_per_t=7.0)).replace('"base_rate_usd_per_mwh":150.0,', "")
    assert "base_rate" not in written
    assert value_of(Terms, written) == Terms(carbon_price_usd_per_t=7.0)


@dataclass(frozen=True)
class Newer:
    tick: int
    colour: str


@pytest.mark.parametrize(
    "content", [b"", b"MARA", b"OTHER and more", bytes_of(Newer(tick=1, colour="red")), b"MARA\x02"]
)
def test_bytes_of_something_else_are_refused_in_one_line(content: bytes) -> None:
    with pytest.raises(StoreRefused) as refusal:
        record_of(World, content)
    assert "\n" not in str(refusal.value)
