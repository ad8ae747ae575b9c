"""A live world in simulated time: a SPEC of three sites, providers, and a journal."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mara.core.timegrid import TimeGrid
from mara.core.world import RunConfig
from mara.feeds.live.asking import Asker
from mara.feeds.live.feed import LiveFeed
from mara.feeds.live.journal import JournalWriter
from mara.feeds.live.memory import Memory
from mara.feeds.live.openadr.ven import Ven, ven_of
from mara.feeds.live.poller import Poller
from mara.feeds.live.sources import sources_of_spec
from mara.feeds.markets.building.spec import Spec, spec_of
from tests.builders import fleet, site
from tests.feeds.live.fake_vtn import BASE, CLIENT, SECRET, FakeVtn, WebWithVtn
from tests.feeds.live.fakes import KEYS, FakeWeb, SimulatedTime, web_of

START = datetime(2026, 3, 3, 8, 0, tzinfo=UTC)
TICK_S = 300
SPEC = """
[fx]
usd_per.EUR = 1.1
usd_per.AUD = 0.65

[[site]]
id = "denmark"
name = "Denmark"
country = "Denmark"
lat = 56.0
lon = 9.0
timezone = "Europe/Copenhagen"
price = { provider = "energi-data-service", point = "DK1" }
carbon = { provider = "electricity-maps", point = "DK-DK1" }
weather = { provider = "open-meteo" }

[[site]]
id = "texas"
name = "Texas"
country = "United States"
lat = 32.0
lon = -100.0
timezone = "America/Chicago"
price = { provider = "ercot-dashboard", point = "LZ_WEST" }
day_ahead = { provider = "ercot-dashboard-dam", point = "LZ_WEST" }
carbon = { constant = 380.0, renewable_share = 0.3 }
weather = { provider = "open-meteo" }

[[site]]
id = "sydney"
name = "Sydney"
country = "Australia"
lat = -33.9
lon = 151.2
timezone = "Australia/Sydney"
price = { provider = "aemo", point = "NSW1", every_minutes = 5 }
carbon = { constant = 600.0 }
weather = { constant = 18.0, wet_bulb_c = 13.0 }

[bitcoin]
provider = "mempool"
btc_usd_from = "mempool-price"
fees_btc_per_block = 0.05
"""


QUIET = "".join(
    f'''
[[site]]
id = "{name}"
name = "{name}"
country = "Denmark"
lat = 56.0
lon = 9.0
timezone = "{zone}"
price = {{ constant = 50.0 }}
carbon = {{ constant = 300.0 }}
weather = {{ constant = 12.0 }}
'''
    for name, zone in (("denmark", "Europe/Copenhagen"), ("texas", "America/Chicago"), ("sydney", "Australia/Sydney"))
)
QUIET += "[bitcoin]\nconstant = 50.0\n"
"""The same sites with constants alone, so that nobody is asked for them."""
OPENADR = f"""
[openadr]
url = "{BASE}"
program = "grid-capacity"
ven_name = "mara-ven-1"
resources = {{ texas = "RES-TX", sydney = "RES-SY" }}
"""


@dataclass
class LiveWorld:
    """A live feed with its clock, its imitated providers and its journal."""

    time: SimulatedTime
    web: FakeWeb
    spec: Spec
    config: RunConfig
    memory: Memory
    poller: Poller
    feed: LiveFeed
    vtn: FakeVtn
    ven: Ven | None

    def until(self, tick: int, look_s: float = 60.0) -> None:
        """Let time pass up to the begin of a tick, polling what is due each minute.

        Another interval can be given.
        """
        end_s = self.config.grid.epoch_s(tick)
        while self.time.at_s < end_s:
            self.time.at_s = min(self.time.at_s + look_s, end_s)
            self.poller.ask_due()
            if self.ven is not None:
                self.ven.ask_due()

    def close(self) -> None:
        self.memory.close()


def config_of(start: datetime = START, tick_minutes: int = 5) -> RunConfig:
    sites = (site("denmark", "Europe/Copenhagen"), site("texas", "America/Chicago"), site("sydney", "Australia/Sydney"))
    return RunConfig(fleet=fleet(sites=sites), grid=TimeGrid(start=start, tick_minutes=tick_minutes))


def live_world(journal: Path, *, start: datetime = START, text: str = SPEC, asks: bool = True) -> LiveWorld:
    """Begin a live world a minute before its first tick, with all sources polled once."""
    time = SimulatedTime(start.timestamp() - 60.0)
    vtn, spec, config = FakeVtn(time), spec_of(text.encode(), "live.toml"), config_of(start)
    web = WebWithVtn(web_of(time), vtn)
    memory = Memory.of_journal(journal, writer=JournalWriter(journal))
    asker = Asker(keys={**KEYS, "openadr": f"{CLIENT}:{SECRET}"}, passed_s=time.now_s, transport=web)
    sources = sources_of_spec(spec)
    poller = Poller(sources, memory, asker, time.now_s, dict(spec.fx.usd_per))
    listened = spec.openadr
    ven = None if listened is None else ven_of(listened, sources, memory, asker, time.now_s, spec.fx.usd_per)
    if asks:
        for _ in range(12):  # providers want their requests apart
            poller.ask_due()
            time.at_s += 5.0
    return LiveWorld(time, web, spec, config, memory, poller, LiveFeed(config, spec, memory, time.now_s), vtn, ven)


def recalled_feed(journal: Path, config: RunConfig, text: str = SPEC) -> LiveFeed:
    """A feed of the same SPEC from the journal alone, without any provider."""
    spec = spec_of(text.encode(), "live.toml")
    return LiveFeed(config, spec, Memory.of_journal(journal), lambda: 0.0)
