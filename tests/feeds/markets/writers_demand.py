"""Writers of layouts of system demand, and of Australian reserve prices."""

from collections.abc import Sequence
from datetime import timedelta

from tests.feeds.markets.rows import Row
from tests.feeds.markets.writers_americas import CENTRAL, EASTERN, is_second, pjm_stamp
from tests.feeds.markets.writers_europe import Files, local, text
from tests.feeds.markets.writers_other import eia_stamp

DAY = timedelta(days=1)


def mw(row: Row) -> float:
    """Demand of a row: tens of thousands of MW, with ERCOT's two decimals."""
    return round(50_000.0 + row.value, 2)


def forecast_mw(row: Row) -> float:
    return round(51_000.0 + row.value, 2)


def ercot_load(rows: Sequence[Row]) -> Files:
    lines = ["OperDay,HourEnding,COAST,EAST,FAR_WEST,NORTH,NORTH_C,SOUTHERN,SOUTH_C,WEST,TOTAL,DSTFlag"]
    for row in rows:
        begin = local(row.begin, CENTRAL)
        flag = "Y" if is_second(begin) else "N"
        zones = "16023.5,2034.95,7333.67,2026.75,16451.46,5343.57,10647.45,1569.58"
        lines.append(f"{begin:%m/%d/%Y},{begin.hour + 1:02d}:00,{zones},{mw(row)},{flag}")
    return {"cdr.00013101.0000000000000000.20241104.055005000.ACTUALSYSLOADWZNP6345.csv": text(lines, "\r\n")}


def ercot_native_load(rows: Sequence[Row]) -> Files:
    """A year's archive saved as CSV, whose hours end in the column of the date."""
    lines = ["Hour Ending,COAST,EAST,FWEST,NORTH,NCENT,SOUTH,SCENT,WEST,ERCOT"]
    for row in rows:
        begin = local(row.begin, CENTRAL)
        mark = " DST" if is_second(begin) else ""
        stamp = f"{begin:%m/%d/%Y} {begin.hour + 1:02d}:00{mark}"
        lines.append(f"{stamp},8514.63,1218.5,5073.52,917.4,9896.75,2859.01,6012.4,1000,{mw(row)}")
    return {"Native_Load_2024.csv": text(lines)}


def pjm_load(rows: Sequence[Row]) -> Files:
    lines = ["datetime_beginning_utc,datetime_beginning_ept,nerc_region,mkt_region,zone,load_area,mw,is_verified"]
    for row in rows:
        stamps = f"{pjm_stamp(row.begin)},{pjm_stamp(local(row.begin, EASTERN))}"
        lines.append(f"{stamps},RTO,RTO,RTO,RTO,{mw(row)},False")
        lines.append(f"{stamps},RFC,MIDATL,AE,AECO,904.965,True")
    return {"hrl_load_metered.csv": text(lines, "\r\n")}


def ercot_forecast(rows: Sequence[Row]) -> Files:
    """Three editions of a forecast: two of the day before, and one of the day itself.

    The last knows more than a planner would.
    """
    day = local(rows[0].begin, CENTRAL).date()
    editions = {
        f"{day - DAY:%Y%m%d}.093000123": 900.0,
        f"{day - DAY:%Y%m%d}.153000456": 0.0,
        f"{day:%Y%m%d}.053000789": -700.0,
    }
    files = {}
    for published, more in editions.items():
        lines = ["DeliveryDate,HourEnding,Coast,East,SystemTotal,Model,InUseFlag,DSTFlag"]
        for row in rows:
            begin = local(row.begin, CENTRAL)
            stamp = f"{begin:%m/%d/%Y},{begin.hour + 1}:00"
            flag = "Y" if is_second(begin) else "N"
            lines.append(f"{stamp},12000.5,2000,{forecast_mw(row) + more},A6,Y,{flag}")
            lines.append(f"{stamp},12000.5,2000,{forecast_mw(row) + 5},E,N,{flag}")
        files[f"cdr.00014837.0000000000000000.{published}.LFMODWEATHERNP3565.csv"] = text(lines)
    return files


def entsoe_gui_load(rows: Sequence[Row]) -> Files:
    lines = ['"MTU (UTC)","Area","Actual Total Load (MW)","Day-ahead Total Load Forecast (MW)"']
    for row in rows:
        period = f"{row.begin:%d/%m/%Y %H:%M} - {row.end:%d/%m/%Y %H:%M}"
        lines.append(f'"{period}","BZN|DK1","{mw(row)}","{forecast_mw(row)}"')
    return {"GUI_TOTAL_LOAD_DAYAHEAD_202510.csv": text(lines)}


def entsoe_gui_load_old(rows: Sequence[Row]) -> Files:
    lines = ['"Time (UTC)","Day-ahead Total Load Forecast [MW] - BZN|SE4","Actual Total Load [MW] - BZN|SE4"']
    for row in rows:
        period = f"{row.begin:%d.%m.%Y %H:%M} - {row.end:%d.%m.%Y %H:%M}"
        lines.append(f'"{period}","{forecast_mw(row)}","{mw(row)}"')
    return {"Total Load - Day Ahead _ Actual_202401010000-202501010000.csv": text(lines)}


def file_library_load(rows: Sequence[Row], report: str = "ActualTotalLoad_6.1.A_r3") -> Files:
    lines = [
        "DateTime(UTC)\tResolutionCode\tAreaCode\tAreaDisplayName\tAreaTypeCode\tAreaMapCode\tTotalLoad[MW]\tUpdateTime(UTC)"
    ]
    of = mw if report.startswith("Actual") else forecast_mw
    for row in rows:
        stamp = f"{row.begin:%Y-%m-%d %H:%M:%S}.000\tPT{row.minutes}M\t10YFR-RTE------C\tFrance (FR)"
        edition = f"{row.begin:%Y-%m-%d} 23:26:14"
        if row.number % 10 == 0:
            lines.append(f"{stamp}\tBZN\tFR\t{of(row) + 7}\t{row.begin:%Y-%m-%d} 22:00:00")
        lines += [f"{stamp}\t{kind}\tFR\t{of(row) + more}\t{edition}" for kind, more in (("BZN", 0.0), ("CTY", 40.0))]
    return {f"2025_10_{report}.csv": text(lines, "\r\n")}


def file_library_forecast(rows: Sequence[Row]) -> Files:
    return file_library_load(rows, "DayAheadTotalLoadForecast_6.1.B_r3")


def eia_demand(rows: Sequence[Row]) -> Files:
    lines = [
        "Balancing Authority,Data Date,Hour Number,Local Time at End of Hour,UTC Time at End of Hour,"
        "Demand Forecast (MW),Demand (MW)"
    ]
    for row in rows:
        begin = local(row.begin, CENTRAL)
        stamps = f"{eia_stamp(row, CENTRAL)},{eia_stamp(row, 'UTC')}"
        lines.append(f'ERCO,{begin:%m/%d/%Y},{begin.hour + 1},{stamps},"{forecast_mw(row):,}","{mw(row):,}"')
    return {"EIA930_BALANCE_2024_Jan_Jun.csv": text(lines)}


def aemo_demand(rows: Sequence[Row]) -> Files:
    lines = ["REGION,SETTLEMENTDATE,TOTALDEMAND,RRP,PERIODTYPE"]
    lines += [f"NSW1,{local(row.end, 'UTC+10'):%Y/%m/%d %H:%M:%S},{mw(row)},70.5,TRADE" for row in rows]
    return {"PRICE_AND_DEMAND_202110_NSW1.csv": text(lines, "\r\n")}


def aemo_fcas(rows: Sequence[Row]) -> Files:
    """An archive of reserve prices whose second half has one product more."""
    half = len(rows) // 2
    lines = ["C,NEMP.WORLD,TRADINGIS,AEMO,PUBLIC,2021/10/01,00:05:06,0000000350543226,TRADINGIS,0000000350543219"]
    head = "SETTLEMENTDATE,RUNNO,REGIONID,PERIODID,RRP,EEP,INVALIDFLAG,LASTCHANGED,ROP,RAISE6SECRRP,RAISE6SECROP"
    for place, row in enumerate(rows):
        stamp = f'"{local(row.end, "UTC+10"):%Y/%m/%d %H:%M:%S}"'
        changed = f'"{local(row.begin, "UTC+10"):%Y/%m/%d %H:%M:%S}"'
        version, more, cells = (3, ",LOWERREGRRP", "") if place < half else (4, ",LOWERREGRRP,RAISE1SECRRP", ",0.4")
        if place in {0, half}:
            lines.append(f"I,TRADING,PRICE,{version},{head}{more}")
        for region, add in (("QLD1", 1.5), ("NSW1", 0.0)):
            told = f"{stamp},1,{region},{place + 1},88.1,0,0,{changed},88.1"
            lines.append(f"D,TRADING,PRICE,{version},{told},{row.value + add},0.5,{abs(row.value)}{cells}")
    lines.append(f'C,"END OF REPORT",{len(lines) + 1}')
    return {"PUBLIC_TRADINGIS_20211001.CSV": text(lines, "\r\n")}


def emc_demand(rows: Sequence[Row]) -> Files:
    lines = ["INFORMATION TYPE,DATE,PERIOD,USEP ($/MWh),LCP ($/MWh),DEMAND (MW),SOLAR(MW)"]
    for row in rows:
        begin = local(row.begin, "UTC+8")
        lines.append(f"USEP,{begin:%d %b %Y},{begin.hour * 2 + begin.minute // 30 + 1},120.5,0.0,{mw(row)},0.0")
    return {"USEP_Jan-2026.csv": text(lines)}
