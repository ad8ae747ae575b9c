"""Writers of other layouts from expected rows.

They are those of Asia and Australia, of carbon, weather, bitcoin and exchange rates.
"""

import json
from collections.abc import Sequence

from tests.feeds.markets.rows import Row
from tests.feeds.markets.writers_europe import Files, local, text


def aemo(rows: Sequence[Row]) -> Files:
    lines = ["REGION,SETTLEMENTDATE,TOTALDEMAND,RRP,PERIODTYPE"]
    lines += [f"NSW1,{local(row.end, 'UTC+10'):%Y/%m/%d %H:%M:%S},7012.6,{row.value},TRADE" for row in rows]
    return {"PRICE_AND_DEMAND_202110_NSW1.csv": text(lines, "\r\n")}


def nemweb(rows: Sequence[Row]) -> Files:
    """One archive of AEMO whose schema changes half-way, as it may."""
    half = len(rows) // 2
    lines = ["C,NEMP.WORLD,TRADINGIS,AEMO,PUBLIC,2021/10/01,00:05:06,0000000350543226,TRADINGIS,0000000350543219"]
    lines.append("I,TRADING,INTERCONNECTORRES,2,SETTLEMENTDATE,RUNNO,INTERCONNECTORID,PERIODID,METEREDMWFLOW")
    lines.append('D,TRADING,INTERCONNECTORRES,2,"2021/10/01 00:05:00",1,N-Q-MNSP1,1,-29.1')
    lines.append("I,TRADING,PRICE,2,SETTLEMENTDATE,RUNNO,REGIONID,PERIODID,RRP,EEP,INVALIDFLAG,LASTCHANGED")
    for place, row in enumerate(rows):
        stamp = f'"{local(row.end, "UTC+10"):%Y/%m/%d %H:%M:%S}"'
        changed = f'"{local(row.begin, "UTC+10"):%Y/%m/%d %H:%M:%S}"'
        if place == half:
            lines.append(
                "I,TRADING,PRICE,3,SETTLEMENTDATE,RUNNO,REGIONID,PERIODID,ROP,RRP,EEP,LASTCHANGED,RAISE6SECRRP"
            )
        for region, more in (("QLD1", 1.5), ("NSW1", 0.0)):
            price = row.value + more
            if place < half:
                lines.append(f"D,TRADING,PRICE,2,{stamp},1,{region},{place + 1},{price},0,0,{changed}")
            else:
                lines.append(f"D,TRADING,PRICE,3,{stamp},1,{region},{place + 1},0,{price},0,{changed},0.39")
    lines.append(f'C,"END OF REPORT",{len(lines) + 1}')
    return {"PUBLIC_TRADINGIS_20211001.CSV": text(lines, "\r\n")}


def aemo_dispatch(rows: Sequence[Row]) -> Files:
    """A month of the MMSDM archive, in which an intervention has a second run."""
    lines = ["C,SETP.WORLD,DVD_DISPATCHPRICE,AEMO,PUBLIC,2018/05/08,00:20:04,0000000294579218,,0000000294579167"]
    lines.append(
        "I,DISPATCH,PRICE,1,SETTLEMENTDATE,RUNNO,REGIONID,DISPATCHINTERVAL,INTERVENTION,RRP,EEP,LASTCHANGED,RAISE6SECRRP"
    )
    for row in rows:
        stamp, changed = (f"{local(at, 'UTC+10'):%Y/%m/%d %H:%M:%S}" for at in (row.end, row.begin))
        runs = ((0, 0.0), (1, 60.0)) if row.number % 50 == 0 else ((0, 0.0),)
        for run, more in runs:
            lines.append(f"D,DISPATCH,PRICE,1,{stamp},1,SA1,20180430240,{run},{row.value + more},0,{changed},4.74")
    lines.append(f'C,"END OF REPORT",{len(lines) + 1}')
    return {"PUBLIC_DVD_DISPATCHPRICE_201805010000.CSV": text(lines, "\r\n")}


def jepx(rows: Sequence[Row]) -> Files:
    head = "受渡日,時刻コード,売り入札量(kWh),買い入札量(kWh),約定総量(kWh),システムプライス(円/kWh)"
    lines = [f"{head},エリアプライス北海道(円/kWh),エリアプライス東京(円/kWh)"]
    for row in rows:
        begin = local(row.begin, "UTC+9")
        code = begin.hour * 2 + begin.minute // 30 + 1
        yen = round(row.value / 1000.0, 5)
        lines.append(f"{begin:%Y/%m/%d},{code},1,2,3,{yen + 1},{yen + 2},{yen}")
    return {"spot_summary_2026.csv": ("\r\n".join(lines) + "\r\n").encode("cp932")}


def emc(rows: Sequence[Row]) -> Files:
    lines = ["INFORMATION TYPE,DATE,PERIOD,USEP ($/MWh),LCP ($/MWh),DEMAND (MW),SOLAR(MW)"]
    for row in rows:
        begin = local(row.begin, "UTC+8")
        lines.append(f"USEP,{begin:%d %b %Y},{begin.hour * 2 + begin.minute // 30 + 1},{row.value},0.0,6012.3,0.0")
    return {"USEP_Jan-2026.csv": text(lines)}


def electricity_maps(rows: Sequence[Row]) -> Files:
    lines = [
        "Datetime (UTC),Country,Zone name,Zone id,Carbon intensity gCO₂eq/kWh (direct),"
        "Carbon intensity gCO₂eq/kWh (Life cycle),Carbon-free energy percentage (CFE%),"
        "Renewable energy percentage (RE%),Data source,Data estimated,Data estimation method"
    ]
    for row in rows:
        carbon = 300.0 + row.value
        lines.append(f"{row.begin:%Y-%m-%d %H:%M:%S},Norway,NO1,NO-NO1,{carbon - 50},{carbon},40,25.5,entsoe.eu,false,")
    return {"NO-NO1_2024_hourly.csv": text(lines)}


def electricity_maps_old(rows: Sequence[Row]) -> Files:
    lines = [
        "Datetime (UTC),Country,Zone Name,Zone Id,Carbon Intensity gCO2eq/kWh (direct),"
        "Carbon Intensity gCO2eq/kWh (LCA),Low Carbon Percentage,Renewable Percentage,Data Source,Data Estimated,"
        "Data Estimation Method"
    ]
    for row in rows:
        carbon = 300.0 + row.value
        lines.append(
            f"{row.begin:%Y-%m-%d %H:%M:%S},USA,CAISO,US-CAL-CISO,{carbon - 50},{carbon},40,25.5,eia.gov,True,x"
        )
    return {"US-CAL-CISO_2022_hourly.csv": text(lines)}


def eia_stamp(row: Row, zone: str) -> str:
    at = local(row.end, zone)
    return f"{at:%m/%d/%Y} {at.hour % 12 or 12}:{at:%M:%S} {'AM' if at.hour < 12 else 'PM'}"


def eia_930(rows: Sequence[Row]) -> Files:
    lines = [
        "Balancing Authority,Data Date,Hour Number,Local Time at End of Hour,UTC Time at End of Hour,"
        "Demand Forecast (MW),Demand (MW),Net Generation (MW),Net Generation (MW) from Coal,"
        "Net Generation (MW) from Natural Gas,Net Generation (MW) from Wind"
    ]
    for row in rows:
        begin = local(row.begin, "America/Chicago")
        stamps = f"{eia_stamp(row, 'America/Chicago')},{eia_stamp(row, 'UTC')}"
        coal = 11_000.0 + row.value
        lines.append(
            f'ERCO,{begin:%m/%d/%Y},{begin.hour + 1},{stamps},"71,234","71,300","{coal + 20_000:,}","{coal:,}",'
            '"15,000","5,000"'
        )
    return {"EIA930_BALANCE_2024_Jan_Jun.csv": text(lines)}


def open_meteo_csv(rows: Sequence[Row], offset_h: int = 2) -> Files:
    lines = [
        "latitude,longitude,elevation,utc_offset_seconds,timezone,timezone_abbreviation",
        f"52.52,13.419998,38.0,{offset_h * 3600},Europe/Berlin,CEST",
        "",
        "time,temperature_2m (°C),relative_humidity_2m (%)",
    ]
    lines += [f"{local(row.begin, f'UTC+{offset_h}'):%Y-%m-%dT%H:%M},{degrees(row)},70" for row in rows]
    return {"open-meteo-52.52N13.42E38m.csv": text(lines)}


def open_meteo_places(rows: Sequence[Row]) -> Files:
    lines = [
        "location_id,latitude,longitude,elevation,utc_offset_seconds,timezone,timezone_abbreviation",
        "0,52.52,13.419998,38.0,0,GMT,GMT",
        "1,59.9,10.75,12.0,0,GMT,GMT",
        "",
        "location_id,time,temperature_2m (°C),relative_humidity_2m (%)",
    ]
    for place, more in ((0, 0.0), (1, -5.0)):
        lines += [f"{place},{row.begin:%Y-%m-%dT%H:%M},{degrees(row) + more},70" for row in rows]
    return {"open-meteo-places.csv": text(lines)}


def open_meteo_json(rows: Sequence[Row]) -> Files:
    document = {
        "latitude": 52.52,
        "longitude": 13.42,
        "utc_offset_seconds": 7200,
        "timezone": "Europe/Berlin",
        "hourly_units": {"time": "iso8601", "temperature_2m": "°C", "relative_humidity_2m": "%"},
        "hourly": {
            "time": [f"{local(row.begin, 'UTC+2'):%Y-%m-%dT%H:%M}" for row in rows],
            "temperature_2m": [degrees(row) for row in rows],
            "relative_humidity_2m": [70 for _ in rows],
        },
    }
    return {"open-meteo.json": json.dumps(document).encode()}


def degrees(row: Row) -> float:
    return round(row.value / 10.0, 1)


def noaa(rows: Sequence[Row]) -> Files:
    lines = ['"STATION","DATE","SOURCE","LATITUDE","LONGITUDE","REPORT_TYPE","TMP","DEW","SLP"']
    for row in rows:
        tenths = round(row.value)
        for minute, more, quality in ((20, -2, "1"), (53, 2, "5"), (58, 500, "3")):  # the last is known to be wrong
            lines.append(
                f'"72259003927","{row.begin:%Y-%m-%dT%H}:{minute}:00","7","32.9","-97.0","FM-15",'
                f'"{tenths + more:+05d},{quality}","{tenths - 30:+05d},1","10132,1"'
            )
        lines.append(
            f'"72259003927","{row.begin:%Y-%m-%dT%H}:59:00","7","32.9","-97.0","SOD  ","+9999,9","+9999,9","99999,9"'
        )
    return {"72259003927.csv": text(lines)}


def meteostat(rows: Sequence[Row]) -> Files:
    lines = [
        f"{row.begin:%Y-%m-%d},{row.begin.hour},{degrees(row)},{degrees(row) - 3},70,0.0,,180,5.4,,1013.2,,7"
        for row in rows
    ]
    return {"10637.csv": text(lines)}


def hashrate_index(rows: Sequence[Row]) -> Files:
    lines = ["timestamp,usd_hashprice,btc_hashprice"]
    lines += [f"{row.begin.month}/{row.begin.day}/{row.begin.year},{100 + row.value},0.0007" for row in rows]
    return {"bitcoin-hashprice-index-20240401.csv": text(lines)}


def mempool(rows: Sequence[Row]) -> Files:
    document = {
        "hashrates": [
            {"timestamp": int(row.begin.timestamp()), "avgHashrate": (600.0 + row.value) * 1e18} for row in rows
        ],
        "difficulty": [{"time": int(rows[0].begin.timestamp()), "height": 833_000, "difficulty": 8.1e13}],
        "currentHashrate": 6.1e20,
        "currentDifficulty": 8.1e13,
    }
    return {"hashrate_3m.json": json.dumps(document).encode()}


def ecb(rows: Sequence[Row]) -> Files:
    lines = ["Date,USD,JPY,CYP,"]
    lines += [
        f"{row.begin:%Y-%m-%d},{round(1.08 + row.value / 10_000, 4)},{150 + row.number},N/A," for row in reversed(rows)
    ]
    return {"eurofxref-hist.csv": text(lines)}
