"""English words that name no site or customer in a question."""

import re
from typing import Final

ORDINARY_WORDS: Final = frozenset(
    re.findall(
        r"\S+",
        """
    why what when where how which whether because please tell explain show say said give and but for not nor
    with without the its their his her our your this that these those there here then than them they you about
    around since until till before after during between over under above below near from into onto out again
    ever never always only also still just even just so very too much many more most less least few several
    some any all every each both either anything everything something nothing anyone everyone everybody
    somebody nobody others other another one two three was were is are isn't aren't wasn't weren't did didn't
    does doesn't has have had hasn't been being be can could may might must would shall do make made makes
    making get got gets getting go goes going gone come came comes take took taken put set keep kept let
    happen happened happens happening turn turned turning change changed changes went leave left stay stayed
    stand stands stood work works worked working serve serving use used uses using need needs want wants give
    gave pay pays paid owe owed owes sell sold sells buy bought draw draws drew full empty high higher highest
    low lower lowest large larger largest small smaller big bigger biggest good bad better worse best worst
    dear dearer dearest new old late early long short heavy heavily slow fast hot warm cold cool true false
    own same such next last first second past present previous now today yesterday tomorrow currently recently
    lately once twice hour hours minute minutes day days week weeks month months year years time times tick
    ticks midnight midday noon moment while ago daily hourly local utc gmt mara claude operator customer
    customers client clients contract contracts request requests booking bookings booked quote quotes order
    orders ordered offer site sites place places location locations region regions country fleet hall halls
    data center centers centre centres datacenter building grid grids connection power energy electricity load
    loads workload workloads work mining miner miners hydro air immersion cooled cooling cool rack racks gpu
    gpus asic asics inference token tokens merchant machine machines server servers hardware weather wind sun
    solar rain heat wave temperature humidity carbon emission emissions renewable renewables hash hashprice
    hashrate bitcoin btc network pue efficiency capacity reserve room space budget budgets error errors
    promise promises promised target targets sla slas level levels service services availability window
    windows maintenance exclusion excluded alarm alarms alert alerts event events plan plans planned planning
    optimum gain gains saving savings saved penalty penalties fee fees bill share percent usd dollar dollars
    mwh kwh megawatt megawatts force detail total general reason reasons cause caused causes answer question
    fact favour order addition peak base average mean negative positive zero evening morning afternoon night
    nights tonight weekend end beginning begin began start system program software hello hey thanks thank
    chilled chiller chillers child forecast profile profiles text texts worth forth easy ease
    tier tiers us me we ours mine yours who whom whose closest nearest close far break breaks breaking broke broken risk
    danger consume consumed consumes consumption overnight facility facilities use total totals altogether overall
    sum number count counts kind kinds amount tell show list compare compared comparing comparison versus than
    difference different against beat beats beating expected expect expects forecast forecasts happen wrong went
    order orders ordered author by cancel cancelled canceled exclude excluded announce announced restore restored
    switch switched decide decided know known currently recent latest far near extra hashprice per live alive
    active waiting ended since start started starting finish finished first newest oldest single whole entire
    least greatest greenest cleanest dirtiest hottest coldest coolest warmest cheapest dearest biggest largest
    smallest profitable profitably lucrative costly cost costs expense expenses spend spent lose loses lost losing
    gain gained gains made use usage average averages mean per run runs ran company business portfolio please
    could would might really actually exactly roughly quite suddenly again instead rather almost nearly well
    does much long often site's fleet's tripped trip failure failures failed fault faults blackout
    nameplate available availability uptime downtime co2 footprint energy electricity bill bills invoice
    weather temperature degrees outside miss misses missed missing
    test tests cast solo reuse reused stepped topped
    demand charge charges charged coincident transmission contracted supply collar collars battery batteries wear adder
    adders product products award awards deployment revenue penalty penalties claw clawed export exported exports
    call calls called
        """,
    )
)
