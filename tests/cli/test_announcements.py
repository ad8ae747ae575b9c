"""`mara notices`: what is announced is listed, and taken back in a run that stands."""

from pathlib import Path

from mara.core.commands import Exclude
from mara.store.store import Store
from mara.store.write.orders import NewOrder
from tests.cli.console import ran


def announced_in(database: Path) -> tuple[str, str]:
    """Store an order for maintenance that waits for the next tick; returns its site and begin."""
    store = Store.open(f"sqlite:///{database}")
    try:
        loaded = store.load()
        assert loaded is not None
        run, world, _ = loaded
        first = next(i for i, held in enumerate(world.book.contracts) if held.ends_tick > world.tick + 100)
        order = Exclude(
            contract_id=world.book.contracts[first].id,
            from_tick=world.tick + 12,
            to_tick=world.tick + 24,
            reason="maintenance: pump",
            author="ada",
            site_id=run.config.fleet.site_ids[int(world.accounts.site[first])],
        )
        store.orders.add(NewOrder(command=order, ordered_tick=world.tick))
    finally:
        store.close()
    return order.site_id, run.config.grid.at(order.from_tick).isoformat()


def test_an_announcement_is_taken_back_in_a_run_that_no_server_holds(database: Path) -> None:
    site_id, begins = announced_in(database)
    done = ran("notices", "retract", "--site", site_id, "--begins", begins, "--json").report
    assert done["done"].startswith("taken back")
    assert len(done["orders"]) == 1
    (newest, before) = ran("orders", "--limit", 2, "--json").report["orders"]
    assert (newest["kind"], newest["about"], newest["by"]) == ("retract", site_id, "shell")
    assert before["kind"] == "exclude"
    again = ran("notices", "retract", "--site", site_id, "--begins", begins)
    assert again.exit_code == 2
    assert "is over, is being taken back" in again.complaint


def test_what_is_not_announced_is_refused_in_one_line_and_nothing_is_listed(database: Path) -> None:
    assert ran("notices", "list", "--json").report == {"announced": []}
    assert ran("notices", "list").out == "nothing is announced\n"
    asked = ("notices", "retract", "--begins", "2025-07-09T10:00")
    assert "none came: name the site" in ran(*asked).complaint
    assert "no site 'atlantis'" in ran(*asked, "--site", "atlantis").complaint
    nobody = ran(*asked, "--site", "oslo", "--server", "http://127.0.0.1:1")
    assert "--server should be the address of a running Mara" in nobody.complaint
