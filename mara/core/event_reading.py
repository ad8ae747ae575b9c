"""Parser of stored events: fields from the sentence that databases hold.

The patterns are made from the templates of `event_text`, so each sentence is written down once. `details_of` is the
inverse of `text_of`: what it returns gives the same sentence again; where nothing does, it returns None.
"""

import re
import string
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final

from mara.core.contract import TIER_KEYS, UNPLACED, Tier
from mara.core.event_details import (
    ContractBooked,
    ContractMoved,
    ContractPlaced,
    ContractRef,
    ContractScheduledOff,
    ContractStranded,
    CreditOwed,
    DayEnded,
    EventDetails,
    MinersOffForPeak,
    MinersSwitched,
    MoveCause,
    ProductCalled,
    PromiseBroken,
    RequestRefused,
    SchedulingOffBegan,
    SiteFailed,
    SiteRecovered,
    StrandedCause,
)
from mara.core.event_text import (
    BACK,
    BACK_IN_PART,
    BOOKED,
    BROKEN,
    CALLED,
    CALLED_SHORT,
    CONSEQUENCES,
    CREDIT,
    CURTAILED,
    DAY,
    DAY_COUNTS,
    DAY_OFF,
    DAY_POSITION,
    DOWN,
    LOST,
    MINER_NAMES,
    MOVED,
    OFF_BEGAN,
    OFF_FOR_PEAK,
    QUIET_DAY,
    REFUSED,
    RUNS,
    RUNS_AGAIN,
    SCHEDULED_OFF,
    STARTS,
    STRANDED,
    text_of,
)
from mara.core.fleet import Fleet
from mara.core.world import RunConfig


def details_of(kind: str, text: str, site: int, tick: int, config: RunConfig) -> EventDetails | None:
    """Read the fields of a stored event from its sentence; None if it is not ours.

    Sites are found by name: the first of that name where several share it.
    """
    for pattern, read in _READERS.get(kind, ()):
        found = pattern.fullmatch(text)
        if found is None:
            continue
        try:
            details = read(_Parts(found.groupdict(), config))
        except (KeyError, ValueError):  # a name of no site, tier or miner of this run
            continue
        if text_of(details, site, tick, config) == text:
            return details
    return None


class _Parts:
    """The named parts of a sentence, read as numbers, sites and contracts.

    Raises:
        KeyError: a part names no site or miner of the run.
        ValueError: a part names no tier.
    """

    def __init__(self, parts: Mapping[str, str | None], config: RunConfig) -> None:
        self._parts = parts
        self._sites = _sites_by_name(config.fleet)

    def has(self, part: str) -> bool:
        return self._parts[part] is not None

    def text(self, part: str) -> str:
        return self._parts[part] or ""

    def number(self, part: str) -> float:
        """A number, 0 where the sentence leaves it out; percent become a share."""
        text = (self._parts[part] or "0").replace(",", "")
        return float(text[:-1]) / 100.0 if text.endswith("%") else float(text)

    def count(self, part: str) -> int:
        return int(self._parts[part] or "0")

    def site(self, part: str) -> int:
        return self._sites[self.text(part)]

    def sites(self, part: str) -> tuple[int, ...]:
        """Sites of a list such as `North, East and West`, in order.

        Names may hold commas or `and` themselves.
        """
        sites = self._sites
        names = "|".join(re.escape(name) for name in sorted(sites, key=len, reverse=True))
        return tuple(sites[name] for name in re.findall(names, self.text(part)))

    def contract(self) -> ContractRef:
        tier = Tier(TIER_KEYS.index(self.text("tier").lower()))
        return ContractRef(customer=self.text("customer"), power_mw=self.number("power_mw"), tier=tier)


@lru_cache(maxsize=8)
def _sites_by_name(fleet: Fleet) -> dict[str, int]:
    """The first site of each name."""
    return {site.name: s for s, site in reversed(list(enumerate(fleet.sites)))}


def _failed(parts: _Parts) -> SiteFailed:
    return SiteFailed(
        up_share=max(1.0 - parts.number("lost"), _LEAST_TOLD_SHARE) if parts.has("lost") else 0.0,
        rescued_mw=parts.number("rescued_mw"),
        refuge_sites=parts.sites("refuges"),
        gave_way_count=parts.count("gave_way_count"),
        gave_way_mw=parts.number("gave_way_mw"),
        premium_off_mw=parts.number("premium_off_mw"),
        is_several_off=parts.text("premium_verb") == "are",
        off_count=parts.count("off_count"),
        off_mw=parts.number("off_mw"),
    )


def _stranded(cause: StrandedCause) -> Callable[[_Parts], ContractStranded]:
    def read(parts: _Parts) -> ContractStranded:
        failed = parts.site("origin") if cause == "gave_way" else UNPLACED
        return ContractStranded(contract=parts.contract(), cause=cause, failed_site=failed)

    return read


def _moved(cause: MoveCause) -> Callable[[_Parts], ContractMoved]:
    def read(parts: _Parts) -> ContractMoved:
        return ContractMoved(
            contract=parts.contract(),
            from_site=parts.site("origin"),
            cause=cause,
            from_usd_per_mwh=parts.number("start") if cause == "cheaper" else 0.0,
            to_usd_per_mwh=parts.number("to") if cause == "cheaper" else 0.0,
        )

    return read


def _scheduled_off(parts: _Parts) -> ContractScheduledOff:
    return ContractScheduledOff(
        contract=parts.contract(),
        off_minutes=parts.count("minutes"),
        left_ticks=parts.count("left"),
        budget_ticks=parts.count("budget"),
    )


def _switched(parts: _Parts, *, is_on: bool) -> MinersSwitched:
    return MinersSwitched(
        is_on=is_on,
        miner=_WORKLOADS[parts.text("miner")],
        power_mw=parts.number("power_mw"),
        price_usd_per_mwh=parts.number("price"),
        break_even_usd_per_mwh=parts.number("limit"),
    )


def _off_for_peak(parts: _Parts) -> MinersOffForPeak:
    return MinersOffForPeak(
        power_mw=parts.number("power_mw"),
        price_usd_per_mwh=parts.number("price"),
        peak_usd_per_mwh=parts.number("peak"),
    )


def _booked(parts: _Parts) -> ContractBooked:
    return ContractBooked(
        contract=parts.contract(), duration_h=parts.number("hours"), rate_usd_per_mwh=parts.number("rate")
    )


def _credit(parts: _Parts) -> CreditOwed:
    return CreditOwed(
        contract_id=parts.text("contract_id"),
        bad_ticks=parts.count("bad"),
        counted_ticks=parts.count("counted"),
        credit_usd=parts.number("credit_usd"),
    )


def _day_ended(parts: _Parts) -> DayEnded:
    return DayEnded(
        earned_usd=parts.number("earned_usd"),
        booked_count=parts.count("booked"),
        ended_count=parts.count("ended"),
        refused_count=parts.count("refused"),
        moved_count=parts.count("moved"),
        off_count=parts.count("off"),
        off_h=parts.number("off_h"),
        hottest_c=parts.number("hottest_c"),
        hottest_site=parts.site("hottest_site"),
        dearest_usd_per_mwh=parts.number("dearest"),
        dearest_site=parts.site("dearest_site"),
        position_usd=parts.number("position_usd"),
    )


def _called(parts: _Parts, short_mw: float) -> ProductCalled:
    return ProductCalled(
        product=parts.text("product"),
        called_mw=parts.number("called_mw"),
        short_mw=short_mw,
        until=parts.text("until"),
    )


def _regex(template: str) -> str:
    """Turn a format template into a pattern with a named group for each of its fields."""
    pattern = ""
    for literal, name, spec, _ in string.Formatter().parse(template):
        pattern += re.escape(literal)
        pattern += f"(?P<{name}>{_FIELD_PATTERNS[spec or '']})" if name is not None else ""
    return pattern


def _compiled(template: str) -> re.Pattern[str]:
    return re.compile(_regex(template), re.DOTALL)


_FIELD_PATTERNS: Final[Mapping[str, str]] = {
    "": ".*",
    "d": r"\d+",
    ".0f": r"-?\d+",
    ".1f": r"-?\d+\.\d",
    ",.0f": r"-?[\d,]+",
    "+,.0f": r"[+-][\d,]+",
    ".0%": r"\d+%",
}
"""Pattern of a formatted field, by its format specification."""
_LEAST_TOLD_SHARE: Final = 0.001
"""Machines left at a site that is told to have lost all, and yet not to be down."""
_WORKLOADS: Final = {name: workload for workload, name in MINER_NAMES.items()}
_FAILURE: Final = re.compile(
    f"(?:{_regex(DOWN)}|{_regex(LOST).replace('<site>', '<site_again>')})"
    + "".join(f"(?: {_regex(template)})?" for template in CONSEQUENCES),
    re.DOTALL,
)
_DAY_PATTERN: Final = re.compile(
    _regex(DAY)
    .replace("(?P<dearest_site>.*)", "(?P<dearest_site>.*?)")
    .replace(
        "(?P<contracts>.*)",
        f"(?:{QUIET_DAY}|" + "".join(f"(?:{_regex(count)}(?:, )?)?" for count in (*DAY_COUNTS, DAY_OFF)) + ")",
    )
    + f"(?:{_regex(DAY_POSITION)})?"
)
_READERS: Final[Mapping[str, tuple[tuple[re.Pattern[str], Callable[[_Parts], EventDetails]], ...]]] = {
    "outage": ((_FAILURE, _failed),),
    "recovery": (
        (_compiled(BACK), lambda _: SiteRecovered(up_share=1.0)),
        (_compiled(BACK_IN_PART), lambda p: SiteRecovered(up_share=min(p.number("up"), 1.0 - _LEAST_TOLD_SHARE))),
    ),
    "stranded": tuple((_compiled(template), _stranded(cause)) for cause, template in STRANDED.items()),
    "placed": (
        (_compiled(STARTS), lambda p: ContractPlaced(contract=p.contract(), rack_usd_per_mwh=p.number("cost"))),
        (_compiled(RUNS_AGAIN), lambda p: ContractPlaced(contract=p.contract(), rack_usd_per_mwh=None)),
    ),
    "moved": tuple((_compiled(template), _moved(cause)) for cause, template in MOVED.items()),
    "budget": (
        (_compiled(SCHEDULED_OFF), _scheduled_off),
        (
            _compiled(OFF_BEGAN),
            lambda p: SchedulingOffBegan(contract=p.contract(), price_usd_per_mwh=p.number("price")),
        ),
    ),
    "broken": (
        (_compiled(BROKEN), lambda p: PromiseBroken(contract=p.contract(), price_usd_per_mwh=p.number("price"))),
    ),
    "resumed": ((_compiled(RUNS), lambda p: _switched(p, is_on=True)),),
    "curtailed": ((_compiled(CURTAILED), lambda p: _switched(p, is_on=False)),),
    "peak": ((_compiled(OFF_FOR_PEAK), _off_for_peak),),
    "booked": ((_compiled(BOOKED), _booked),),
    "refused": ((_compiled(REFUSED), lambda p: RequestRefused(contract=p.contract(), reason=p.text("reason"))),),
    "called": (
        (_compiled(CALLED_SHORT), lambda p: _called(p, p.number("short_mw"))),
        (_compiled(CALLED), lambda p: _called(p, 0.0)),
    ),
    "credit": ((_compiled(CREDIT), _credit),),
    "day": ((_DAY_PATTERN, _day_ended),),
}
