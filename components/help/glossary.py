"""Definitions of all figures, computed from the engine's own constants."""

from dataclasses import dataclass
from typing import Final

from components.shared import format as text
from mara.core.climate import (
    AIR_MINER_DERATE_FROM_C,
    AIR_MINER_DERATE_TO_C,
    AIR_MINER_OFF_C,
    CARNOT_SHARE,
    IMMERSION_OFF_C,
    MAX_COP_RATIO,
)
from mara.core.contract import CREDIT_STEPS_PPM, RATE_FACTOR, TARGET_PPM, TIER_KEYS, Tier
from mara.core.market import (
    BUSINESS_MULTIPLIER,
    MERCHANT_DEMAND_SHARE,
    NIGHT_MULTIPLIER,
    SHOULDER_MULTIPLIER,
    WEEKEND_SHARE,
    Terms,
)
from mara.core.power_bill import LEAST_BILLED_H
from mara.core.units import MWH_TH_DAY_FACTOR, PPM

TERMS: Final = Terms()


@dataclass(frozen=True, slots=True, kw_only=True)
class Formula:
    """A figure of the screens: name, unit, formula, and use."""

    name: str
    unit: str
    how: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """A group of figures, shown as one panel."""

    title: str
    formulas: tuple[Formula, ...]


def tier_rows() -> list[list[str]]:
    """Name, target, price and service credits of each tier, the most binding first."""
    return [
        [
            TIER_KEYS[tier].capitalize(),
            text.target(TARGET_PPM[tier] / PPM) if TARGET_PPM[tier] else "best effort",
            f"{text.number(RATE_FACTOR[tier], 1)} × base = "
            f"{text.number(RATE_FACTOR[tier] * TERMS.base_rate_usd_per_mwh)} USD/MWh",
            _credits_of(tier),
        ]
        for tier in Tier
    ]


def _credits_of(tier: Tier) -> str:
    steps = [
        f"below {text.target(below_ppm / PPM)}: {percent} %" for below_ppm, percent in reversed(CREDIT_STEPS_PPM[tier])
    ]
    return "; ".join(steps) or "none"


MONEY: Final = (
    Formula(
        name="Profit rate",
        unit="USD/h",
        how="(revenue − energy − carbon − migration − restarts − service credits) ÷ hours of a tick",
        what="Is it earning now. The ledger's lines, in millionths of a dollar, add up to the change of cash.",
    ),
    Formula(
        name="Revenue rate",
        unit="USD/h",
        how="(mining + merchant inference + contracts + power sold back) ÷ hours of a tick",
        what="Before any cost. Contracts pay for the megawatt-hours that were delivered.",
    ),
    Formula(
        name="Mining value",
        unit="USD per IT MWh",
        how=f"hashprice ÷ ({MWH_TH_DAY_FACTOR:g} × efficiency in J/TH)",
        what="At 55 USD per PH/s and day a miner of 17.5 J/TH earns 130.95 USD with a megawatt-hour.",
    ),
    Formula(
        name="Break-even price",
        unit="USD/MWh",
        how="mining value ÷ PUE − carbon price × carbon intensity ÷ 1000",
        what="Above this price of grid power a kind of miner loses money at a site and is switched off.",
    ),
    Formula(
        name="Merchant inference",
        unit="USD per IT MWh",
        how="tokens per MWh × token price × demand multiplier − remote serving",
        what=f"Sold while demand lasts, {100 * MERCHANT_DEMAND_SHARE:.0f} % of token capacity on average. The"
        f" multiplier follows customers' local clocks: {BUSINESS_MULTIPLIER:g} from 9 to 18, {SHOULDER_MULTIPLIER:g} "
        f"from 6 to 9 and 18 to 22, else {NIGHT_MULTIPLIER:g}; {WEEKEND_SHARE:g} of it at weekends.",
    ),
    Formula(
        name="Carbon cost",
        unit="USD",
        how="site MWh × carbon intensity in g/kWh ÷ 1000 × carbon price",
        what=f"{TERMS.carbon_price_usd_per_t:g} USD a tonne unless set otherwise.",
    ),
    Formula(
        name="Migration, restart",
        unit="USD per MW",
        how=f"{', '.join(f'{usd:g}' for usd in TERMS.migration_usd_per_mw)} a MW moved of Premium, Standard, Flexible; "
        f"{TERMS.restart_usd_per_mw:g} a MW of miners switched on",
        what="What a change costs, once. Never multiplied by a price.",
    ),
)
POWER: Final = (
    Formula(
        name="Fleet power",
        unit="MW",
        how="sum over sites and machines of IT power × PUE",
        what="What the grid connections carry, cooling included; never above a site's limit.",
    ),
    Formula(
        name="Cooling efficiency",
        unit="%",
        how="IT power ÷ site power of the running load = 1 ÷ PUE",
        what="Above 80 % is good, 60 to 80 % is hot weather, below 60 % is an emergency.",
    ),
    Formula(
        name="PUE, air and free air",
        unit="ratio",
        how="1.06 + 0.004 × (T − 18 °C, if above) + 0.02 × (T − 27 °C, if above)",
        what=f"T is the dry bulb. Air miners lose 1 % a degree from {AIR_MINER_DERATE_FROM_C:g} to "
        f"{AIR_MINER_DERATE_TO_C:g} °C and stop at {AIR_MINER_OFF_C:g} °C.",
    ),
    Formula(
        name="PUE, hydro and evaporative",
        unit="ratio",
        how="1.08 + 0.006 × (wet bulb − 15 °C, if above)",
        what="A cooling tower follows the wet bulb.",
    ),
    Formula(
        name="PUE, immersion",
        unit="ratio",
        how="1.03 + 0.002 × (T − 25 °C, if above) + 0.01 × (T − 40 °C, if above)",
        what=f"Off above {IMMERSION_OFF_C:g} °C.",
    ),
    Formula(
        name="PUE, mechanical",
        unit="ratio",
        how=f"1.08 + 1 ÷ COP, COP = {CARNOT_SHARE:g} of Carnot, at most {MAX_COP_RATIO:g}",
        what="A chiller works harder the hotter it is outside. A model inside published ranges, no measurement.",
    ),
    Formula(
        name="Renewable share",
        unit="%",
        how="renewable share of each grid, weighted by what the site draws",
        what="What the grids deliver now, not what was bought on paper.",
    ),
)
PROMISES: Final = (
    Formula(
        name="Good and bad ticks",
        unit="ticks",
        how="good when delivered ≥ promised MW, otherwise bad; unknown is bad",
        what="Excluded ticks (announced maintenance, a customer's or grid operator's order) count as neither.",
    ),
    Formula(
        name="Availability",
        unit="%",
        how="good ticks ÷ counted ticks of the contract's window, rounded down",
        what="The window is the contract's whole life under 28 days, otherwise the calendar month of its time zone.",
    ),
    Formula(
        name="Error budget",
        unit="ticks",
        how="floor(ticks of the window × (1 − target))",
        what="Bad ticks that the promise leaves room for. Spent on purpose in dear hours; what is left is shown.",
    ),
    Formula(
        name="Burn rate",
        unit="ratio",
        how="(bad ticks ÷ ticks so far) ÷ (1 − target)",
        what="1 uses the budget up exactly at the window's end.",
    ),
    Formula(
        name="Contracts on target",
        unit="contracts",
        how="live contracts with good ÷ counted ticks ≥ target",
        what="Spot is left out. Below target is no breach yet: broken is bad ticks > error budget.",
    ),
)
GAINS: Final = (
    Formula(
        name="Climate saving",
        unit="USD",
        how="load × mean price × Σ (baseline share − plan share) × PUE",
        what="The same served load at the plan's sites against spread by rack capacity: what cooler sites save.",
    ),
    Formula(
        name="Time-zone gain",
        unit="USD",
        how="load × mean PUE × Σ (baseline share − plan share) × price",
        what="The part that cheaper hours elsewhere save.",
    ),
    Formula(
        name="Interaction",
        unit="USD",
        how="whole difference − climate − time zone",
        what="What is left when both happen at once; the three add up to the whole. Losses are shown as losses.",
    ),
    Formula(
        name="Over the rules",
        unit="USD",
        how="profit of the run − profit of the rules in the same world, credits owed so far taken off both",
        what="Credits of open windows count as if the windows closed now: budgets burnt early are no gain.",
    ),
    Formula(
        name="Nobody resting",
        unit="USD",
        how="the optimizer without error budgets − the rules without error budgets",
        what="The part of the gain over the rules at the same use of budgets: none.",
    ),
    Formula(
        name="By resting",
        unit="USD",
        how="over the rules − nobody resting",
        what="What letting contracts rest inside their error budgets earns more than it earns the rules.",
    ),
    Formula(
        name="Gap",
        unit="%",
        how="(bound − objective) ÷ |bound|",
        what="How far a plan can be from the best possible one, proved with every plan of the linear program.",
    ),
    Formula(
        name="Shadow price",
        unit="USD/MWh",
        how="what the objective would gain from one more unit of a limit",
        what="Which limit binds: grid, racks, error budget. Quotes are made of it.",
    ),
)
POWER_TERMS: Final = (
    Formula(
        name="Power bill",
        unit="USD",
        how="energy + adders + demand charges + transmission + supply + batteries + products, in the calendar month",
        what="The ledger's lines, each site in its own month; a cost is negative. Only for fleets with power terms.",
    ),
    Formula(
        name="Bill at the month's end",
        unit="USD",
        how="what grows with the hours × hours of the month ÷ hours billed + charges on peaks as they stand",
        what=f"Told after {LEAST_BILLED_H:g} h. A demand charge rises to the peak that the plan in force pays for.",
    ),
    Formula(
        name="Rate of a demand charge",
        unit="USD/MW",
        how="the demand charge's price of a megawatt and month",
        what="Owed once for a megawatt above the month's peak so far; plans deduct what later days earn with it.",
    ),
    Formula(
        name="Peak risk",
        unit="%",
        how="P(day exceeds the month's peaks so far) × P(too few of the days left are higher), spread over its hours",
        what="Coincident peaks expected in the next 24 hours. A megawatt in an hour costs its risk × price of a peak.",
    ),
    Formula(
        name="Transmission accrued",
        unit="USD",
        how="load at the month's system peaks so far × price of a peak",
        what="Posted when the month is over, due in the next year; it may still become less or more.",
    ),
    Formula(
        name="Sold, headroom",
        unit="MW",
        how="what runs and may stop within a product's time, batteries with the energy included; what is not sold yet",
        what="Never what Premium, Standard or the reserve need, and no megawatt twice.",
    ),
)
CHAPTERS: Final = (
    Chapter(title="Money", formulas=MONEY),
    Chapter(title="Power and cooling", formulas=POWER),
    Chapter(title="Promises", formulas=PROMISES),
    Chapter(title="Gains and plans", formulas=GAINS),
    Chapter(title="Power terms", formulas=POWER_TERMS),
)
WORDS: Final = (
    ("Tick", "The step of the fleet's clock, five minutes unless set. Every number belongs to one."),
    ("Site, fleet", "A data centre behind one grid connection; all of them together."),
    ("IT power, site power", "What machines draw; what the grid connection carries: IT power times PUE."),
    ("Racks", "GPU servers and inference ASIC racks. Contracts and merchant inference share them."),
    ("Hashprice", "What a PH/s of mining earns a day. One price for the whole world."),
    ("Curtailed", "Miners that could run and do not, because power is dearer than what they earn."),
    ("Shed", "A contract that gets no power in a tick: a bad tick for it."),
    ("Spot", "Served only where its price pays for the power: it is promised nothing."),
    (
        "Reserve",
        "Racks kept free elsewhere, so that the Premium load of any one failed site finds a place in the same tick.",
    ),
    ("Service credit", "What a customer gets back when a window closes below its target."),
    ("Power terms", "What power costs and earns beside its price: charges, supply, batteries, grid products."),
    ("Coincident peak", "The hour in which a whole power system draws most; transmission is billed by it."),
    ("Award, call", "Power sold to a grid product and held ready; the grid's order that it goes, until a time."),
    ("Stale", "A source has not answered: its last good values stand, for an hour at most, and the screen says so."),
    (
        "Degraded, halted",
        "A tick failed and is tried again; after six tries time stands still until somebody resumes it.",
    ),
    (
        "Advise, shadow, dry run, act",
        "How far the plan reaches into a real site: told, compared with meters, written on trial, or obeyed.",
    ),
    ("Finished", "A replay has come to the end of its history: nothing is wrong, and nothing more will come."),
)
