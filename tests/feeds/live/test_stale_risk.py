"""A stale price is planned dearer the older it is, and its page says so."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from components.forecast.forecast_panels import price_channel
from mara.core.snapshot_builder import forecast_snapshot
from mara.feeds.live.expected import stale_risk_usd_per_mwh
from mara.feeds.live.journal import ToldValues
from mara.feeds.live.known import NOTHING, KnownValues
from tests.feeds.live.conftest import Begin
from tests.feeds.live.worlds import START
from tests.ui.rows import row_of
from tests.ui.snapshots import snapshot_at

HOUR_S = 3_600
TEXAS = 1


def test_the_risk_grows_with_the_root_of_the_age_up_to_the_range_of_two_days() -> None:
    begin_s = np.arange(48, dtype=np.int64) * HOUR_S
    price = np.where(np.arange(48) % 2, 60.0, 40.0)  # changes by 20 from hour to hour
    told = ToldValues(begin_s=begin_s, end_s=begin_s + HOUR_S, columns={"p": price})
    known = NOTHING.later(told, 0)

    def risk(hours: float, of: KnownValues = known) -> float:
        return stale_risk_usd_per_mwh(of, "p", int((48 + hours) * HOUR_S), late_s=HOUR_S)

    assert [risk(0.0), risk(1.0)] == [0.0, 0.0]
    assert risk(2.0) == pytest.approx(10.0)
    assert risk(3.25) == pytest.approx(15.0)
    assert risk(100.0) == 20.0
    assert risk(5.0, NOTHING) == 0.0


def test_the_page_shows_the_risk_of_a_stale_price(begin: Begin) -> None:
    here = begin(start=START + timedelta(hours=6))
    assert forecast_snapshot(here.feed.forecast(0, 6), here.config).risk_usd_per_mwh == ()
    here.web.is_cut = True
    here.until(36, look_s=1_800.0)
    shown = forecast_snapshot(here.feed.forecast(36, 6), here.config)
    assert shown.risk_usd_per_mwh[TEXAS] > 0.0
    assert shown.risk_usd_per_mwh[0] == 0.0  # published by an auction
    snapshot = replace(snapshot_at(0), sites=snapshot_at(0).sites[:3])
    rows = list(price_channel(snapshot, shown).values())
    assert ["\u00b1 " in str(row_of(row)["now"]) for row in rows[:2]] == [False, True]
