"""Writers of European layouts from expected rows."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from tests.feeds.markets.rows import Row, zone_of

Files = dict[str, bytes]
NAMES = {3600: "CET", 7200: "CEST"}


def local(moment: datetime, zone: str) -> datetime:
    return moment.astimezone(zone_of(zone))


def text(lines: Sequence[str], end: str = "\n") -> bytes:
    return (end.join(lines) + end).encode()


def entsoe_gui_utc(rows: Sequence[Row]) -> Files:
    lines = [
        '"MTU (UTC)","Area","Sequence","Day-ahead Price (EUR/MWh)","Intraday Period (UTC)","Intraday Price (EUR/MWh)"'
    ]
    for row in rows:
        period = f"{row.begin:%d/%m/%Y %H:%M:%S} - {row.end:%d/%m/%Y %H:%M:%S}"
        lines.append(f'"{period}","BZN|DE-LU","Sequence 1","{row.value}","",""')
        lines.append(f'"{period}","BZN|DE-LU","Sequence 2","{row.value + 1}","",""')
    return {"GUI_ENERGY_PRICES_UTC.csv": text(lines)}


def entsoe_gui_cet(rows: Sequence[Row]) -> Files:
    lines = [
        '"MTU (CET/CEST)","Area","Sequence","Day-ahead Price (EUR/MWh)","Intraday Period (CET/CEST)",'
        '"Intraday Price (EUR/MWh)"'
    ]
    for row in rows:
        begin, end = local(row.begin, "Europe/Brussels"), local(row.end, "Europe/Brussels")
        marks = ["", ""]
        if begin.utcoffset() != end.utcoffset():  # the change alone is marked
            marks = [f" ({NAMES[int(at.utcoffset().total_seconds())]})" for at in (begin, end)]  # type: ignore[union-attr]
        period = f"{begin:%d/%m/%Y %H:%M:%S}{marks[0]} - {end:%d/%m/%Y %H:%M:%S}{marks[1]}"
        lines.append(f'"{period}","BZN|FR","Without Sequence","{row.value}","",""')
    return {"GUI_ENERGY_PRICES_CET.csv": text(lines)}


def entsoe_gui_old(rows: Sequence[Row]) -> Files:
    lines = ['"MTU (CET/CEST)","Day-ahead Price [EUR/MWh]","Currency","BZN|DE-LU"']
    for row in rows:
        begin = local(row.begin, "Europe/Brussels").replace(tzinfo=None)
        end = begin + (row.end - row.begin)  # as if the clock did not change
        lines.append(f'"{begin:%d.%m.%Y %H:%M} - {end:%d.%m.%Y %H:%M}","{row.value}","EUR"')
        if begin.hour == 1 and local(row.end, "Europe/Brussels").hour == 3:
            lines.append(f'"{end:%d.%m.%Y %H:%M} - {end:%d.%m.%Y} 03:00","",""')  # the hour that is skipped has a line
    return {"Day-ahead Prices_202410.csv": text(lines)}


def file_library(rows: Sequence[Row]) -> Files:
    lines = [
        "InstanceCode\tDateTime(UTC)\tResolutionCode\tAreaCode\tAreaDisplayName\tAreaTypeCode\tAreaMapCode\t"
        "ContractType\tSequence\tPrice[Currency/MWh]\tCurrency\tUpdateTime(UTC)"
    ]
    for row in rows:
        stamp = f"{row.begin:%Y-%m-%d %H:%M:%S}.000\tPT{row.minutes}M\t10Y1001A1001A82H\tDE-LU\tBZN\tDE_LU\tDay-ahead"
        edition = f"{row.begin:%Y-%m-%d} 13:26:14"
        if row.number % 10 == 0:  # a first edition that was corrected later
            lines.append(f"a\t{stamp}\t1\t{row.value + 7}\tEUR\t{row.begin:%Y-%m-%d} 12:00:00")
        lines += [f"a\t{stamp}\t1\t{row.value}\tEUR\t{edition}", f"b\t{stamp}\t2\t{row.value + 1}\tEUR\t{edition}"]
    return {"2025_10_EnergyPrices_12.1.D_r3.1.csv": text(lines, "\r\n")}


def file_library_old(rows: Sequence[Row]) -> Files:
    lines = ["DateTime\tResolutionCode\tAreaCode\tAreaTypeCode\tAreaName\tMapCode\tPrice\tCurrency\tUpdateTime"]
    lines += [
        f"{row.begin:%Y-%m-%d %H:%M:%S}.000\tPT{row.minutes}M\t10YNO-1--------2\tBZN\tNO1 BZN\tNO1\t{row.value}\tEUR\t"
        f"{row.begin:%Y-%m-%d} 13:26:14"
        for row in rows
    ]
    return {"2024_10_DayAheadPrices_12.1.D.csv": text(lines)}


def a44(rows: Sequence[Row], curve: str = "A03") -> Files:
    """An A44 document with one period for each stretch of one resolution.

    In curve A03 equal neighbours are left out.
    """
    periods, start = [], 0
    for place in range(1, len(rows) + 1):
        if place == len(rows) or rows[place].minutes != rows[start].minutes:
            periods.append(rows[start:place])
            start = place
    series = "".join(_time_series(number, period, curve) for number, period in enumerate(periods, start=1))
    document = (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        '<Publication_MarketDocument xmlns="urn:iec62325.351:tc57wg16:451-3:publicationdocument:7:3">\n'
        "<mRID>1</mRID><revisionNumber>1</revisionNumber><type>A44</type>"
        f"<createdDateTime>2025-10-26T12:00:00Z</createdDateTime>\n{series}</Publication_MarketDocument>\n"
    )
    return {f"A44_{curve}.xml": document.encode()}


def _time_series(number: int, rows: Sequence[Row], curve: str) -> str:
    points, last = [], None
    for position, row in enumerate(rows, start=1):
        if curve != "A03" or row.value != last:
            points.append(f"<Point><position>{position}</position><price.amount>{row.value}</price.amount></Point>")
        last = row.value
    return (
        f"<TimeSeries><mRID>{number}</mRID><auction.type>A01</auction.type><businessType>A62</businessType>"
        '<in_Domain.mRID codingScheme="A01">10Y1001A1001A82H</in_Domain.mRID>'
        "<currency_Unit.name>EUR</currency_Unit.name><price_Measure_Unit.name>MWH</price_Measure_Unit.name>"
        f"<curveType>{curve}</curveType><Period><timeInterval><start>{rows[0].begin:%Y-%m-%dT%H:%MZ}</start>"
        f"<end>{rows[-1].end:%Y-%m-%dT%H:%MZ}</end></timeInterval><resolution>PT{rows[0].minutes}M</resolution>"
        + "\n".join(points)
        + "</Period></TimeSeries>\n"
    )


def nordpool(rows: Sequence[Row]) -> Files:
    lines = ["Delivery Start (CET);Delivery End (CET);SE3 Price (EUR)"]
    for row in rows:
        begin, end = local(row.begin, "Europe/Oslo"), local(row.end, "Europe/Oslo")
        price = f"{row.value:.2f}".replace(".", ",")
        lines.append(f"{begin:%d.%m.%Y %H:%M:%S};{end:%d.%m.%Y %H:%M:%S};{price}")
    return {"AuctionPrice_2025_DayAhead_SE3_EUR_None.csv": text(lines)}


def nordpool_yearly(rows: Sequence[Row], first: str = "") -> Files:
    """The file of a year, with an empty line for the hour that spring skips."""
    lines = ["Elspot Prices in EUR/MWh,,,", "Data was last updated 31-12-2019,,,", f"{first},Hours,SYS,SE3"]
    for row in rows:
        begin = local(row.begin, "Europe/Oslo")
        before = local(row.begin - timedelta(seconds=1), "Europe/Oslo")
        if begin.hour - before.hour == 2:
            lines.append(f"{begin:%d-%m-%Y},02 - 03,,")
        hours = f"{begin.hour:02d}\N{NO-BREAK SPACE}-\N{NO-BREAK SPACE}{(begin.hour + 1) % 24:02d}"
        lines.append(f"{begin:%d-%m-%Y},{hours},{row.value + 1},{row.value}")
    return {"elspot-prices_2024_hourly_eur.csv": text(lines)}


def elspotprices(rows: Sequence[Row]) -> Files:
    lines = ["HourUTC;HourDK;PriceArea;SpotPriceDKK;SpotPriceEUR"]
    for row in reversed(rows):  # the newest first, as the service has it
        home = local(row.begin, "Europe/Copenhagen")
        for area, more in (("DK1", 0.0), ("DK2", 3.0)):
            euro, krone = (f"{value:.6f}".replace(".", ",") for value in (row.value + more, 7.46 * (row.value + more)))
            lines.append(f"{row.begin:%Y-%m-%d %H:%M};{home:%Y-%m-%d %H:%M};{area};{krone};{euro}")
    return {"Elspotprices.csv": text(lines, "\r\n")}


def day_ahead_prices(rows: Sequence[Row]) -> Files:
    lines = ["TimeUTC;TimeDK;PriceArea;DayAheadPriceEUR;DayAheadPriceDKK"]
    for row in reversed(rows):
        home = local(row.begin, "Europe/Copenhagen")
        euro, krone = (f"{value:.6f}".replace(".", ",") for value in (row.value, 7.46 * row.value))
        lines.append(f"{row.begin:%Y-%m-%d %H:%M};{home:%Y-%m-%d %H:%M};DK1;{euro};{krone}")
    return {"DayAheadPrices.csv": text(lines)}


def smard_german(rows: Sequence[Row]) -> Files:
    lines = [
        "Datum von;Datum bis;Deutschland/Luxemburg [€/MWh] Originalauflösungen;Dänemark 1 [€/MWh] Originalauflösungen"
    ]
    for row in rows:
        begin, end = local(row.begin, "Europe/Berlin"), local(row.end, "Europe/Berlin")
        price = f"{row.value:,.2f}".translate(str.maketrans(",.", ".,"))
        lines.append(f"{begin:%d.%m.%Y %H:%M};{end:%d.%m.%Y %H:%M};{price};-")
    return {"Gro_handelspreise_202510.csv": b"\xef\xbb\xbf" + text(lines)}


def smard_english(rows: Sequence[Row]) -> Files:
    lines = ["Start date;End date;Germany/Luxembourg [€/MWh] Calculated resolutions"]
    for row in rows:
        begin, end = (local(at, "Europe/Berlin") for at in (row.begin, row.end))
        stamps = [f"{at:%b} {at.day}, {at.year} {at.hour % 12 or 12}:{at:%M %p}" for at in (begin, end)]
        lines.append(f"{stamps[0]};{stamps[1]};{row.value:,.2f}")
    return {"Day-ahead_prices_202410.csv": b"\xef\xbb\xbf" + text(lines)}


def omie(rows: Sequence[Row]) -> Files:
    """One file for each day, as OMIE publishes them."""
    days: dict[str, list[Row]] = {}
    for row in rows:
        days.setdefault(f"{local(row.begin, 'Europe/Madrid'):%Y;%m;%d}", []).append(row)
    return {
        f"marginalpdbc_{day.replace(';', '')}.1": text(
            ["MARGINALPDBC;"]
            + [f"{day};{period};{row.value + 1};{row.value};" for period, row in enumerate(of_day, start=1)]
            + ["*"],
            "\r\n",
        )
        for day, of_day in days.items()
    }


def ember(rows: Sequence[Row]) -> Files:
    lines = ["Country,ISO3 Code,Datetime (UTC),Datetime (Local),Price (EUR/MWhe)"]
    lines += [
        f"Austria,AUT,{row.begin:%Y-%m-%d %H:%M:%S},{local(row.begin, 'Europe/Vienna'):%Y-%m-%d %H:%M:%S},{row.value}"
        for row in rows
    ]
    return {"Austria.csv": text(lines)}


def entsoe_py(rows: Sequence[Row]) -> Files:
    lines = [",0"]
    for row in rows:
        stamp = local(row.begin, "Europe/Berlin").isoformat(sep=" ")
        lines.append(f"{stamp},{row.value}")
    return {"day_ahead_prices.csv": text(lines)}


def utc_iso(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%MZ}"
