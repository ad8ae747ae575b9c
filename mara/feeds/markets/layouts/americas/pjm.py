"""PJM Data Miner: locational marginal prices, day-ahead and real-time.

Header: `datetime_beginning_utc,datetime_beginning_ept,pnode_id,pnode_name,…,total_lmp_da,…,row_is_current,version_nbr`.
"""

from typing import Final

from mara.feeds.markets.declaration import Instant, Key, Known, Layout, Quantity, Value

ZONE: Final = "America/New_York"
FORMATS: Final = ("%m/%d/%Y %I:%M:%S %p", "iso")


def _layout(variant: str, report: str, market: str, known: Known, steps_minutes: tuple[int, ...]) -> Layout:
    """Make one of the two layouts, which differ in the endings of column names."""
    return Layout(
        id="pjm-lmp",
        variant=variant,
        publisher="PJM",
        report=report,
        quantity=Quantity.PRICE,
        # UTC is read, and must be the same instant as the prevailing time beside it
        stamp=Instant(
            column="datetime_beginning_utc", formats=FORMATS, agrees="datetime_beginning_ept", agrees_zone=ZONE
        ),
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
        licence="PJM: members' terms, internal use; may not be passed on",
    )


LAYOUTS: Final = (
    _layout("day-ahead", "da_hrl_lmps", "da", Known.DAY_AHEAD, (60,)),
    _layout("real-time", "rt_hrl_lmps, rt_fivemin_hrl_lmps", "rt", Known.REAL_TIME, (5, 60)),
)
