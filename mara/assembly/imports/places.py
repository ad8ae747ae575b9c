"""Country and timezone that a market file suggests for a site of its market.

They are proposals for a form, in which they can be corrected; nothing is read by them.
"""

from collections.abc import Mapping
from typing import Final

OF_LAYOUT: Final[Mapping[str, tuple[str, str]]] = {
    "ercot": ("United States", "America/Chicago"),
    "caiso": ("United States", "America/Los_Angeles"),
    "pjm": ("United States", "America/New_York"),
    "nyiso": ("United States", "America/New_York"),
    "miso": ("United States", "America/Chicago"),
    "spp": ("United States", "America/Chicago"),
    "isone": ("United States", "America/New_York"),
    "smard": ("Germany", "Europe/Berlin"),
    "omie": ("Spain", "Europe/Madrid"),
    "jepx": ("Japan", "Asia/Tokyo"),
    "emc": ("Singapore", "Asia/Singapore"),
    "ons": ("Brazil", "America/Sao_Paulo"),
    "aemo": ("Australia", "Australia/Sydney"),
}
"""Country and timezone by the first word of a layout's id."""
OF_AEMO: Final[Mapping[str, str]] = {
    "NSW1": "Australia/Sydney",
    "VIC1": "Australia/Melbourne",
    "QLD1": "Australia/Brisbane",
    "SA1": "Australia/Adelaide",
    "TAS1": "Australia/Hobart",
}
"""Timezone of sites by region; the market's own days run by Brisbane's time."""
OF_EUROPE: Final[Mapping[str, tuple[str, str]]] = {
    "AT": ("Austria", "Europe/Vienna"),
    "BE": ("Belgium", "Europe/Brussels"),
    "BG": ("Bulgaria", "Europe/Sofia"),
    "CH": ("Switzerland", "Europe/Zurich"),
    "CZ": ("Czechia", "Europe/Prague"),
    "DE": ("Germany", "Europe/Berlin"),
    "DK": ("Denmark", "Europe/Copenhagen"),
    "EE": ("Estonia", "Europe/Tallinn"),
    "ES": ("Spain", "Europe/Madrid"),
    "FI": ("Finland", "Europe/Helsinki"),
    "FR": ("France", "Europe/Paris"),
    "GR": ("Greece", "Europe/Athens"),
    "HR": ("Croatia", "Europe/Zagreb"),
    "HU": ("Hungary", "Europe/Budapest"),
    "IT": ("Italy", "Europe/Rome"),
    "LT": ("Lithuania", "Europe/Vilnius"),
    "LV": ("Latvia", "Europe/Riga"),
    "NL": ("Netherlands", "Europe/Amsterdam"),
    "NO": ("Norway", "Europe/Oslo"),
    "PL": ("Poland", "Europe/Warsaw"),
    "PT": ("Portugal", "Europe/Lisbon"),
    "RO": ("Romania", "Europe/Bucharest"),
    "SE": ("Sweden", "Europe/Stockholm"),
    "SI": ("Slovenia", "Europe/Ljubljana"),
    "SK": ("Slovakia", "Europe/Bratislava"),
}
"""Country and timezone by the letters of a bidding zone."""


def place_of(layout_id: str, point: str, clock: str) -> tuple[str, str]:
    """Suggest country and timezone; empty where the file says nothing about them.

    Args:
        clock: of the file's stamps or days, taken where nothing better is known.
    """
    if layout_id.startswith("aemo") and point in OF_AEMO:
        return OF_LAYOUT["aemo"][0], OF_AEMO[point]
    known = OF_LAYOUT.get(layout_id.partition("-")[0])
    if known is not None:
        return known
    code = point.rpartition("|")[2].strip()
    by_name = next((place for place in OF_EUROPE.values() if place[0].casefold() == code.casefold()), None)
    found = by_name or OF_EUROPE.get(code[:2].upper())
    if found is not None and layout_id.startswith(("entsoe", "nordpool", "ember", "energi")):
        return found
    return "", clock if "/" in clock else ""
