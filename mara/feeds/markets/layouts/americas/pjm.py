"""PJM Data Miner: prices of places, day-ahead and real-time, and metered load.

Headers: `datetime_beginning_utc,datetime_beginning_ept,pnode_id,pnode_name,…,total_lmp_da,…,row_is_current,version_nbr`
and `datetime_beginning_utc,datetime_beginning_ept,nerc_region,mkt_region,zone,load_area,mw,is_verified`.
"""

from typing import Final

from mara.feeds.markets.declaration import DEMAND, Instant, Key, Known, Layout, Quantity, Value

ZONE: Final = "America/New_York"
STAMP: Final = Instant(
    column="datetime_beginning_utc",
    formats=("%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %H:%M", "iso"),
    agrees="datetime_beginning_ept",
    agrees_zone=ZONE,
)
"""UTC is read, and must be the same instant as the prevailing time beside it.

A spreadsheet drops the seconds and the half of the day: `6/16/2025 16:00`.
"""
LICENCE: Final = "PJM: members' terms, internal use; may not be passed on"


def _layout(variant: str, report: str, market: str, known: Known, steps_minutes: tuple[int, ...]) -> Layout:
    """Make one of the two layouts, which differ in the endings of column names."""
    return Layout(
        id="pjm-lmp",
        variant=variant,
        publisher="PJM",
        report=report,
        quantity=Quantity.PRICE,
        stamp=STAMP,
        values=(Value(field="price", column=f"total_lmp_{market}", unit="USD/MWh"),),
        point=("pnode_name", "pnode_id"),
        keys=(
            Key(
                name="row_is_current",
                column="row_is_current",
                default=("True", "TRUE", "true", "1"),
                is_identity=False,
                is_optional=True,
            ),
            Key(name="type", column="type", is_optional=True),
        ),
        currency="USD",
        steps_minutes=steps_minutes,
        day_zones=(ZONE,),
        vintage="version_nbr",
        known=known,
        licence=LICENCE,
    )


LOAD: Final = Layout(
    id="pjm-load",
    publisher="PJM",
    report="hrl_load_metered",
    quantity=Quantity.DEMAND,
    stamp=STAMP,
    values=(Value(field=DEMAND, column="mw", unit="MW"),),
    header=("nerc_region", "is_verified"),
    # the area RTO is the whole system
    point=("load_area",),
    day_zones=(ZONE,),
    licence=LICENCE,
)
LAYOUTS: Final = (
    _layout("day-ahead", "da_hrl_lmps", "da", Known.DAY_AHEAD, (60,)),
    _layout("real-time", "rt_hrl_lmps, rt_fivemin_hrl_lmps", "rt", Known.REAL_TIME, (5, 60)),
    LOAD,
)
