"""Times in a question: clock times, dates and words for them, as ticks.

Times are simulated time in UTC, or in the local time of a site where the question says so.
"""

import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final

from mara.core.timegrid import TimeGrid
from mara.core.units import HOURS_PER_DAY, MINUTES_PER_HOUR

MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
PARTS_OF_DAY_H: Final = {
    "last night": (-2, 6),
    "overnight": (-2, 6),
    "tonight": (18, 24),
    "night": (0, 6),
    "morning": (6, 12),
    "afternoon": (12, 18),
    "evening": (18, 24),
}
DAYS_BACK: Final = {"day before yesterday": 2, "yesterday": 1, "today": 0, "this morning": 0, "tomorrow": -1}
NOON_H: Final = 12
LEAP_YEAR: Final = 2024
"""Leap year, against which a date without a year is checked."""
CLOCK_WORDS: Final = {"midnight": "00:00", "midday": "12:00", "noon": "12:00"}
NUMBERS: Final = {
    "a": 1.0,
    "an": 1.0,
    "one": 1.0,
    "two": 2.0,
    "three": 3.0,
    "four": 4.0,
    "six": 6.0,
    "twelve": 12.0,
    "half an": 0.5,
}
DEFAULT_LOOK_BACK_H: Final = HOURS_PER_DAY
"""Look-back of a question in the past tense that names no time [h]."""

_TICK = re.compile(r"\bticks? (\d{1,9})(?: ?(?:to|-|and|until) ?(\d{1,9}))?\b")
_INSTANT = re.compile(r"\b(\d{4}-\d{2}-\d{2}[t ]\d{2}:\d{2}(?::\d{2})?)(z|[+-]\d{2}:?\d{2})?(?![\w:])")
_LAST = re.compile(
    r"\b(?:last|past|previous) (?:(half an|an?|one|two|three|four|six|twelve|\d{1,4}) )?(minute|hour|day)s?\b"
)
_NEXT = re.compile(r"\b(?:next|coming|following) (?:(two|three|four|six|twelve|\d{1,3}) )?(hour|day)s?\b")
_LAST_WEEK = re.compile(r"\b(?:last|past|previous|this) week\b")
_SINCE_START = re.compile(r"\b(?:since (?:the )?(?:start|beginning)|so far|in total|altogether|ever|overall)\b")
_AGO = re.compile(r"\b(half an|an?|one|two|three|\d{1,4}) (minute|hour|day|week)s? ago\b")
_ISO = re.compile(r"\b(\d{4})-(\d{1,2})-(\d{1,2})(?!\d)")
_NAMES = "|".join(MONTHS)
_DAY_MONTH = re.compile(rf"\b(\d{{1,2}})(?:st|nd|rd|th)?(?: of)? ({_NAMES})[a-z]*\.?,?(?: (\d{{4}}))?\b")
_MONTH_DAY = re.compile(rf"\b({_NAMES})[a-z]*\.? (\d{{1,2}})(?:st|nd|rd|th)?,?(?: (\d{{4}}))?\b")
_CLOCK = re.compile(
    r"\b(\d{1,2})[:.](\d{2})(?: ?([ap])\.?m\b)?|\b(\d{1,2}) ?([ap])\.?m\b"
    r"|\b(?:at|since|around) (\d{1,2})h?\b(?![:.]\d| ?[ap]\.?m\b)"
)
_CLOCK_SHOWN = re.compile(r"(?<![\d:])(\d{1,3}):(\d{2})(?!\d)(?: ?([ap])\.?m\b)?|\b(?:at|since|around) (\d{2,3})h\b")
_LOCAL = re.compile(r"\blocal\b|\b(?:its|their|his|her) time\b|\btime there\b")
_NOW = re.compile(r"\b(?:is|are|isn't|aren't|does|do|now|currently)\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class TickRange:
    """Ticks ``[first_tick, end_tick)`` that a question is about.

    `is_point` is True for a single tick; `is_stated` is False where the question names no time.
    """

    first_tick: int
    end_tick: int
    is_point: bool
    is_stated: bool

    def earlier(self, ticks: int) -> "TickRange":
        """Return the same range some ticks before."""
        return replace(self, first_tick=self.first_tick - ticks, end_tick=self.end_tick - ticks)


def says_local(text: str) -> bool:
    """True if a question asks for local time."""
    return bool(_LOCAL.search(text))


def tick_range_of(text: str, grid: TimeGrid, last_tick: int, zone: tzinfo) -> TickRange:
    """Parse the time in lower-case `text`, relative to the last stored tick.

    A time without a date is the latest one. The result may lie in the future or before the run; the caller has to say
    so in its answer.
    """
    now = grid.at(last_tick).astimezone(zone)
    found = _in_ticks(text) or _of_instants(text, grid, zone) or _from_now(text, now, grid, last_tick)
    if found is not None:
        return found
    day = _day_of(text, now)
    clocks = _clocks_of(text)
    if clocks:
        return _at_clocks(clocks, day, now, grid)
    part = next((hours for words, hours in PARTS_OF_DAY_H.items() if words in text), None)
    if part is not None or day is not None:
        return _part_of(day, part or (0, HOURS_PER_DAY), now, grid, last_tick)
    if _NOW.search(text):
        return TickRange(first_tick=last_tick, end_tick=last_tick + 1, is_point=True, is_stated=False)
    first = max(0, last_tick + 1 - grid.ticks_of_hours(DEFAULT_LOOK_BACK_H))
    return TickRange(first_tick=first, end_tick=last_tick + 1, is_point=False, is_stated=False)


def impossible_time(text: str) -> str:
    """Find the first clock time or date in lower-case `text` that does not exist."""
    for match in _CLOCK_SHOWN.finditer(text):
        hour, minute, half = int(match[1] or match[4]), int(match[2] or 0), match[3]
        if hour >= HOURS_PER_DAY or minute >= MINUTES_PER_HOUR or (half == "a" and hour > NOON_H):
            return match[0].strip()
    for form, year, month, day in ((_ISO, 1, 2, 3), (_DAY_MONTH, 3, 2, 1), (_MONTH_DAY, 3, 1, 2)):
        for match in form.finditer(text):
            number = MONTHS.index(match[month]) + 1 if match[month] in MONTHS else int(match[month])
            if not _is_date(int(match[year] or LEAP_YEAR), number, int(match[day])):
                return match[0].strip()
    return ""


def _in_ticks(text: str) -> TickRange | None:
    """Parse ticks by number."""
    named = _TICK.search(text)
    if not named:
        return None
    first, last = int(named[1]), int(named[2] or named[1])
    return TickRange(first_tick=first, end_tick=max(first, last) + 1, is_point=first == last, is_stated=True)


def _of_instants(text: str, grid: TimeGrid, zone: tzinfo) -> TickRange | None:
    """Parse one or two ISO 8601 instants; without an offset they are in `zone`."""
    ticks = []
    for match in _INSTANT.finditer(text):
        try:
            instant = datetime.fromisoformat(match[1].replace(" ", "T").upper() + (match[2] or "").upper())
        except ValueError:
            return None
        ticks.append(grid.tick_at(instant if instant.tzinfo is not None else instant.replace(tzinfo=zone)))
    if not ticks:
        return None
    if len(ticks) == 1:
        return TickRange(first_tick=ticks[0], end_tick=ticks[0] + 1, is_point=True, is_stated=True)
    return TickRange(first_tick=min(ticks[:2]), end_tick=max(ticks[:2]), is_point=False, is_stated=True)


def _from_now(text: str, now: datetime, grid: TimeGrid, last_tick: int) -> TickRange | None:
    """Parse a time counted from now: an hour ago, the last two hours, last week."""
    ago, last, ahead = _AGO.search(text), _LAST.search(text), _NEXT.search(text)
    if ago:
        return _since(ago, now, grid)
    if last:
        count = NUMBERS[last[1]] if last[1] in NUMBERS else float(last[1] or 1)
        hours = count * {"minute": 1.0 / MINUTES_PER_HOUR, "hour": 1.0, "day": HOURS_PER_DAY}[last[2]]
        first = last_tick + 1 - grid.ticks_of_hours(hours)
        return TickRange(first_tick=max(0, first), end_tick=last_tick + 1, is_point=False, is_stated=True)
    if ahead:
        count = NUMBERS[ahead[1]] if ahead[1] in NUMBERS else float(ahead[1] or 1)
        ticks = grid.ticks_of_hours(count * (1.0 if ahead[2] == "hour" else HOURS_PER_DAY))
        return TickRange(first_tick=last_tick + 1, end_tick=last_tick + 1 + ticks, is_point=False, is_stated=True)
    if _LAST_WEEK.search(text):
        monday = _midnight(_midnight(now) - timedelta(days=now.weekday()))
        if "this week" not in text:
            return _span(_midnight(monday - timedelta(days=len(WEEKDAYS))), monday, grid)
        return TickRange(first_tick=grid.tick_at(monday), end_tick=last_tick + 1, is_point=False, is_stated=True)
    if _SINCE_START.search(text):
        return TickRange(first_tick=0, end_tick=last_tick + 1, is_point=False, is_stated=True)
    return None


def _is_date(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def _since(ago: re.Match[str], now: datetime, grid: TimeGrid) -> TickRange:
    count = NUMBERS[ago[1]] if ago[1] in NUMBERS else float(ago[1])
    instant = (now.astimezone(UTC) - timedelta(**{f"{ago[2]}s": count})).astimezone(now.tzinfo)
    if ago[2] in ("day", "week"):
        return _span(_midnight(instant), _midnight(instant) + timedelta(days=1), grid)
    tick = grid.tick_at(instant)
    return TickRange(first_tick=tick, end_tick=tick + 1, is_point=True, is_stated=True)


def _day_of(text: str, now: datetime) -> datetime | None:
    """Midnight of the day that a text names; None without a day or for an invalid one."""
    iso, day_month, month_day = _ISO.search(text), _DAY_MONTH.search(text), _MONTH_DAY.search(text)
    if iso:
        return _date(now, int(iso[1]), int(iso[2]), int(iso[3]))
    if day_month:
        return _in_year(now, day_month[3], MONTHS.index(day_month[2]) + 1, int(day_month[1]))
    if month_day:
        return _in_year(now, month_day[3], MONTHS.index(month_day[1]) + 1, int(month_day[2]))
    today = _midnight(now)
    for words, days in DAYS_BACK.items():
        if words in text:
            return _midnight(today - timedelta(days=days))
    for number, name in enumerate(WEEKDAYS):
        if re.search(rf"\b{name}\b", text):
            return _midnight(today - timedelta(days=(today.weekday() - number) % len(WEEKDAYS)))
    return None


def _in_year(now: datetime, year: str | None, month: int, day: int) -> datetime | None:
    """Date in the year given, or the latest such date."""
    if year:
        return _date(now, int(year), month, day)
    found = _date(now, now.year, month, day)
    return _date(now, now.year - 1, month, day) if found is not None and found > now else found


def _date(now: datetime, year: int, month: int, day: int) -> datetime | None:
    try:
        return datetime(year, month, day, tzinfo=now.tzinfo)
    except ValueError:
        return None


def _clocks_of(text: str) -> list[tuple[int, int]]:
    """List the first two clock times as hour and minute."""
    found = []
    for word, clock in CLOCK_WORDS.items():
        text = re.sub(rf"\b{word}\b", clock, text)
    for match in _CLOCK.finditer(_ISO.sub(" ", text)):
        hour = int(match[1] or match[4] or match[6])
        half = match[3] or match[5]
        if half:
            hour = hour % NOON_H + (NOON_H if half == "p" else 0)
        minute = int(match[2] or 0)
        if hour < HOURS_PER_DAY and minute < MINUTES_PER_HOUR:
            found.append((hour, minute))
    return found[:2]


def _at_clocks(clocks: list[tuple[int, int]], day: datetime | None, now: datetime, grid: TimeGrid) -> TickRange:
    base = day or _midnight(now)
    instants = [base.replace(hour=hour, minute=minute) for hour, minute in clocks]
    if day is None and instants[0] > now:
        instants = [instant - timedelta(days=1) for instant in instants]
    if len(instants) == 1:
        tick = grid.tick_at(instants[0])
        return TickRange(first_tick=tick, end_tick=tick + 1, is_point=True, is_stated=True)
    first, end = instants
    return _span(first, end if end > first else end + timedelta(days=1), grid)


def _part_of(day: datetime | None, hours: tuple[int, int], now: datetime, grid: TimeGrid, last_tick: int) -> TickRange:
    """Ticks of some hours of a day; without a day, of the latest that have begun."""
    base = day or _midnight(now)
    first = base + timedelta(hours=hours[0])
    if day is None and first > now:
        base, first = base - timedelta(days=1), first - timedelta(days=1)
    span = _span(first, base + timedelta(hours=hours[1]), grid)
    if span.first_tick > last_tick:
        return span
    return TickRange(
        first_tick=span.first_tick,
        end_tick=min(span.end_tick, last_tick + 1),
        is_point=False,
        is_stated=True,
    )


def _span(first: datetime, end: datetime, grid: TimeGrid) -> TickRange:
    return TickRange(first_tick=grid.tick_at(first), end_tick=grid.tick_at(end), is_point=False, is_stated=True)


def _midnight(instant: datetime) -> datetime:
    return instant.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
