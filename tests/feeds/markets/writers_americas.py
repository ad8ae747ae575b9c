"""Writers of American layouts from expected rows."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from tests.feeds.markets.rows import Row
from tests.feeds.markets.writers_europe import Files, local, text

CENTRAL, EASTERN, PACIFIC = "America/Chicago", "America/New_York", "America/Los_Angeles"


def is_second(at: datetime) -> bool:
    """True if this wall time has been shown before on the same day."""
    return at.fold == 1


def ercot_dam(rows: Sequence[Row]) -> Files:
    lines = ["DeliveryDate,HourEnding,SettlementPoint,SettlementPointPrice,DSTFlag"]
    for row in rows:
        begin = local(row.begin, CENTRAL)
        for point, more in (("7RNCHSLR_ALL", 5.0), ("HB_NORTH", 0.0)):
            flag = "Y" if is_second(begin) else "N"
            lines.append(f"{begin:%m/%d/%Y},{begin.hour + 1:02d}:00,{point}, {row.value + more},{flag}")
    return {"cdr.00012331.csv": text(lines, "\r\n")}


def ercot_rtm(rows: Sequence[Row]) -> Files:
    lines = [
        "DeliveryDate,DeliveryHour,DeliveryInterval,SettlementPointName,SettlementPointType,SettlementPointPrice,DSTFlag"
    ]
    for row in rows:
        begin = local(row.begin, CENTRAL)
        stamp = f"{begin:%m/%d/%Y},{begin.hour + 1},{begin.minute // 15 + 1}"
        flag = "Y" if is_second(begin) else "N"
        lines.append(f"{stamp},LZ_WEST,LZ,{row.value},{flag}")
        lines.append(f"{stamp},LZ_WEST,LZEW,{row.value + 2},{flag}")  # the same name, energy-weighted
    return {"cdr.00012301.csv": text(lines, "\r\n")}


def ercot_dam_reserves(rows: Sequence[Row]) -> Files:
    lines = ["DeliveryDate,HourEnding,AncillaryType,MCPC,DSTFlag"]
    for row in rows:
        begin = local(row.begin, CENTRAL)
        for place, product in enumerate(("ECRS", "NSPIN", "REGDN", "REGUP", "RRS")):
            price = row.value if product == "RRS" else abs(row.value) + place
            flag = "Y" if is_second(begin) else "N"
            lines.append(f"{begin:%m/%d/%Y},{begin.hour + 1:02d}:00,{product},{price},{flag}")
    return {"cdr.00012329.csv": text(lines)}


def ercot_rtm_reserves(rows: Sequence[Row]) -> Files:
    lines = ["DeliveryDate,DeliveryHour,DeliveryInterval,RepeatedHourFlag,ASType,MCPC"]
    for row in rows:
        begin = local(row.begin, CENTRAL)
        stamp = f"{begin:%m/%d/%Y},{begin.hour + 1},{begin.minute // 15 + 1},{'Y' if is_second(begin) else 'N'}"
        lines += [f"{stamp},REGUP,{abs(row.value)}", f"{stamp},RRS,{row.value}"]
    return {"cdr.rtmcpc.csv": text(lines)}


def caiso_dam(rows: Sequence[Row]) -> Files:
    lines = [
        "INTERVALSTARTTIME_GMT,INTERVALENDTIME_GMT,OPR_DT,OPR_HR,OPR_INTERVAL,NODE_ID_XML,NODE_ID,NODE,MARKET_RUN_ID,"
        "LMP_TYPE,XML_DATA_ITEM,PNODE_RESMRID,GRP_TYPE,POS,MW,GROUP"
    ]
    body: list[str] = []
    for row in rows:
        begin = local(row.begin, PACIFIC)
        stamp = (
            f"{row.begin:%Y-%m-%dT%H:%M:%S}-00:00,{row.end:%Y-%m-%dT%H:%M:%S}-00:00,{begin:%Y-%m-%d},{begin.hour + 1}"
        )
        for kind, price in (("LMP", row.value), ("MCC", 0.5), ("MCE", row.value - 0.5), ("MCL", 0.0)):
            node = "TH_NP15_GEN-APND"
            body.append(
                f"{stamp},0,{node},{node},{node},DAM,{kind},{kind}_PRC,{node},ALL_APNODES,{len(body)},{price},1"
            )
    return {"20240310_PRC_LMP_DAM.csv": text(lines + body[::3] + body[1::3] + body[2::3])}  # unsorted, as it comes


def caiso_rtm(rows: Sequence[Row]) -> Files:
    lines = [
        "INTERVALSTARTTIME_GMT,INTERVALENDTIME_GMT,OPR_DT,OPR_HR,OPR_INTERVAL,NODE_ID_XML,NODE_ID,NODE,MARKET_RUN_ID,"
        "LMP_TYPE,XML_DATA_ITEM,PNODE_RESMRID,GRP_TYPE,POS,VALUE,GROUP"
    ]
    for row in rows:
        begin, node = local(row.begin, PACIFIC), "TH_SP15_GEN-APND"
        stamp = (
            f"{row.begin:%Y-%m-%dT%H:%M:%S}-00:00,{row.end:%Y-%m-%dT%H:%M:%S}-00:00,{begin:%Y-%m-%d},{begin.hour + 1}"
        )
        lines += [
            f"{stamp},{begin.minute // 15 + 1},{node},{node},{node},RTPD,{kind},{kind}_PRC,{node},ALL,0,{price},1"
            for kind, price in (("MCC", 1.0), ("LMP", row.value))
        ]
    return {"20240310_PRC_RTPD_LMP_RTPD.csv": text(lines)}


def pjm_stamp(at: datetime) -> str:
    return f"{at.month}/{at.day}/{at.year} {at.hour % 12 or 12}:{at:%M:%S} {'AM' if at.hour < 12 else 'PM'}"


def pjm(rows: Sequence[Row], market: str = "da") -> Files:
    lines = [
        "datetime_beginning_utc,datetime_beginning_ept,pnode_id,pnode_name,voltage,equipment,type,zone,"
        f"system_energy_price_{market},total_lmp_{market},congestion_price_{market},marginal_loss_price_{market},"
        "row_is_current,version_nbr"
    ]
    for row in rows:
        stamps = f"{pjm_stamp(row.begin)},{pjm_stamp(local(row.begin, EASTERN))}"
        lines.append(f"{stamps},51288,WESTERN HUB,,,HUB,,{row.value},{row.value},0,0,True,2")
        if row.number % 7 == 0:
            lines.append(f"{stamps},51288,WESTERN HUB,,,HUB,,{row.value},{row.value + 9},0,0,False,1")
    return {f"{market}_hrl_lmps.csv": text(lines, "\r\n")}


def pjm_real_time(rows: Sequence[Row]) -> Files:
    return pjm(rows, "rt")


def nyiso_dam(rows: Sequence[Row]) -> Files:
    lines = [
        '"Time Stamp","Name","PTID","LBMP ($/MWHr)","Marginal Cost Losses ($/MWHr)","Marginal Cost Congestion ($/MWHr"'
    ]
    for row in rows:
        begin = local(row.begin, EASTERN)
        for name, number, more in (("CAPITL", 61757, 4.0), ("WEST", 61752, 0.0)):
            lines.append(f'"{begin:%m/%d/%Y %H:%M}","{name}",{number},{row.value + more},1.0,0.0')
    return {"20241103damlbmp_zone.csv": text(lines)}


def nyiso_real_time(rows: Sequence[Row]) -> Files:
    lines = [
        '"Time Stamp","Name","PTID","LBMP ($/MWHr)","Marginal Cost Losses ($/MWHr)","Marginal Cost Congestion ($/MWHr)"'
    ]
    for row in rows:
        end = local(row.end, EASTERN)
        for name, number, more in (("CAPITL", 61757, 4.0), ("WEST", 61752, 0.0)):
            lines.append(f'"{end:%m/%d/%Y %H:%M:%S}","{name}",{number},{row.value + more},1.0,0.0')
    return {"20241103realtime_zone.csv": text(lines)}


def miso(rows: Sequence[Row], title: str = "Day Ahead Market ExPost LMPs", name: str = "da_expost_lmp") -> Files:
    """One file for each day of Eastern Standard Time."""
    days: dict[str, list[Row]] = {}
    for row in rows:
        days.setdefault(f"{local(row.begin, 'UTC-5'):%m/%d/%Y}", []).append(row)
    files = {}
    hours = ",".join(f"HE {hour}" for hour in range(1, 25))
    for day, of_day in days.items():
        lines = [title, day, "", ",,,All Hours-Ending are Eastern Standard Time (EST)", f"Node,Type,Value,{hours}"]
        for kind, more in (("LMP", 0.0), ("MCC", 50.0), ("MLC", 70.0)):
            lines.append(f"ARKANSAS.HUB,Hub,{kind}," + ",".join(f"{row.value + more}" for row in of_day))
        lines.append("ALTE,Loadzone,LMP," + ",".join(f"{row.value + 3.0}" for row in of_day))
        month, number, year = day.split("/")
        files[f"{year}{month}{number}_{name}.csv"] = text(lines)
    return files


def miso_real_time(rows: Sequence[Row]) -> Files:
    return miso(rows, "Real-Time Market Final LMPs", "rt_lmp_final")


def spp(rows: Sequence[Row]) -> Files:
    lines = ["Interval,GMTIntervalEnd,Settlement Location,Pnode,LMP,MLC,MCC,MEC"]
    for row in rows:
        end = local(row.end, CENTRAL)
        for place, more in (("AEC", 2.0), ("SPPNORTH_HUB", 0.0)):
            lines.append(
                f"{end:%m/%d/%Y %H:%M:%S},{row.end:%m/%d/%Y %H:%M:%S},{place},{place},{row.value + more},0,0,0"
            )
    return {"DA-LMP-SL-202411030100.csv": text(lines)}


def spp_with_areas(rows: Sequence[Row]) -> Files:
    """SPP's form since its expansion to the west, in five-minute steps."""
    lines = ["Interval,GMTIntervalEnd,Settlement Location,Pnode,LMP,MLC,MCC,MEC,BAA"]
    for row in rows:
        end = local(row.end, CENTRAL)
        lines.append(
            f"{end:%m/%d/%Y %H:%M:%S},{row.end:%m/%d/%Y %H:%M:%S},SPPNORTH_HUB,SPPNORTH_HUB,{row.value},0,0,0,SPP"
        )
    return {"RTBM-LMP-SL-202611010005.csv": text(lines)}


def isone(rows: Sequence[Row], title: str = "Day-Ahead Energy Market Hourly LMP Report") -> Files:
    lines = [
        f'"C","{title}"',
        '"C","Filename: WW_DALMP_ISO_20241103.csv"',
        '"C","Report for: 11/03/2024 - 11/03/2024"',
        '"H","Date","Hour Ending","Location ID","Location Name","Location Type","Locational Marginal Price",'
        '"Energy Component","Congestion Component","Marginal Loss Component"',
        '"H","Date","HE","String","String","String","Number","Number","Number","Number"',
    ]
    for row in rows:
        begin = local(row.begin, EASTERN)
        hour = f"{begin.hour + 1:02d}{'X' if is_second(begin) else ''}"
        for number, name, more in ((321, "UN.FRNKLNSQ13.810CC", 6.0), (4000, ".H.INTERNAL_HUB", 0.0)):
            kind = "HUB" if number == 4000 else "NETWORK NODE"
            lines.append(
                f'"D","{begin:%m/%d/%Y}","{hour}","{number}","{name}","{kind}",{row.value + more},{row.value},0.0,0.0'
            )
    lines.append(f'"T","{len(lines) - 5} lines"')
    return {"WW_DALMP_ISO_20241103.csv": text(lines)}


def isone_real_time(rows: Sequence[Row]) -> Files:
    return isone(rows, "Real-Time Energy Market Hourly LMP Report")


def ons(rows: Sequence[Row]) -> Files:
    lines = ["id_subsistema;nom_subsistema;din_instante;val_cmo"]
    for row in rows:
        begin = local(row.begin, "America/Sao_Paulo")
        for short, name, more in (("NE ", "NORDESTE", 8.0), ("SE ", "SUDESTE/CENTRO-OESTE", 0.0)):
            lines.append(f"{short};{name};{begin:%Y-%m-%d %H:%M:%S};{row.value + more}")
    return {"CMO_SEMIHORARIO_2018.csv": text(lines)}


def gridstatus(rows: Sequence[Row], column: str = "LMP") -> Files:
    lines = [f"Time,Interval Start,Interval End,Market,Location,Location Type,{column},Energy,Congestion,Loss"]
    for row in rows:
        begin, end = (local(at, CENTRAL).isoformat(sep=" ") for at in (row.begin, row.end))
        lines.append(f"{begin},{begin},{end},REAL_TIME_15_MIN,HB_NORTH,Trading Hub,{row.value},{row.value},0,0")
    return {"frame.csv": text(lines)}


def gridstatus_spp(rows: Sequence[Row]) -> Files:
    lines = [",Time,Interval Start,Interval End,Market,Location,Location Type,SPP"]
    for number, row in enumerate(rows):
        begin, end = (local(at, CENTRAL).isoformat(sep=" ") for at in (row.begin, row.end))
        lines.append(f"{number},{begin},{begin},{end},REAL_TIME_15_MIN,HB_NORTH,Trading Hub,{row.value}")
    return {"frame_with_index.csv": text(lines)}


def shifted(rows: Sequence[Row], minutes: int) -> list[Row]:
    by = timedelta(minutes=minutes)
    return [Row(row.begin + by, row.end + by, row.value, row.number) for row in rows]
