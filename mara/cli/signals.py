"""The commands `dispatch` and `executor`: a plan's targets, and real devices."""

from contextlib import ExitStack
from typing import Annotated, Any

import typer

from mara.assembly.runs import fleet_of
from mara.assembly.signals import executor_setup_of
from mara.cli.app import app
from mara.cli.report import show
from mara.core.fleet import machines_of
from mara.errors import CommandError, ConfigError
from mara.runtime.clock import SystemClock
from mara.runtime.signals.documents import document_at
from mara.runtime.signals.executor_desk import ExecutorSetup
from mara.settings import Settings, read_settings
from mara.signals.document_json import plain_document, schema_of_documents
from mara.signals.executors.base import Executor, state_text
from mara.signals.executors.hold import Hold, HoldFile
from mara.signals.executors.ownership import released
from mara.signals.executors.registry import executor_of, specs_in
from mara.signals.imitations.serving import FAULTS
from mara.store.read.read_model import ReadModel

executor = typer.Typer(
    no_args_is_help=True,
    help="Executors: try one, or give a site back to its owner.",
    rich_markup_mode=None,
)
app.add_typer(executor, name="executor")

SiteId = Annotated[str, typer.Argument(help="The id of the site.")]
Group = Annotated[str, typer.Option(help="Of this kind of machines, where each kind has an executor of its own.")]


@app.command()
def dispatch(
    *,
    tick: Annotated[int | None, typer.Option(min=0, help="Of this tick; left out: the newest stored.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of a document.")] = False,
) -> None:
    """Print the targets of a stored tick for programs that act on them.

    The stored run is only read, also while it is running.
    """
    if schema:
        show(schema_of_documents(), as_json=True)
        return
    reading = ReadModel.open(read_settings().database_url)
    try:
        document = document_at(reading, tick)
    finally:
        reading.close()
    if as_json:
        show(plain_document(document), as_json=True)
        return
    typer.echo(f"{document.run} tick {document.tick}, {document.mode}, by {document.plan.optimizer}")
    typer.echo(f"valid from {document.valid_from.isoformat()} to {document.valid_to.isoformat()}")
    for site in document.sites:
        limit = "no limit" if site.site_limit_mw is None else f"limit {site.site_limit_mw:.3f} MW"
        typer.echo(f"{site.site_id}  {site.mode}  {site.site_power_mw:.3f} MW at the meter, {limit}")
        for group in site.groups:
            typer.echo(f"  {group.order_number}. {group.group}: {group.power_mw:.3f} MW, {group.units_on_count} on")
        for reason in site.reasons:
            typer.echo(f"  {reason}")


@executor.command()
def check(
    site: SiteId,
    *,
    group: Group = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Connect to the devices of a site and read them; nothing is written."""
    settings = read_settings()
    setup, spec = found_executor(settings, site, group)
    reached = _reached(spec, setup)
    state = reached.read()
    takes = reached.capabilities()
    held = HoldFile(setup.holds, setup.locks, site, group).read()
    show(
        {
            "site": site,
            "kind": reached.kind,
            "device": takes.device,
            "least_mw": takes.least_mw,
            "most_mw": takes.most_mw,
            "step_mw": takes.step_mw,
            "state": state_text(state),
            "is_held": held is not None,
            "owners_state": state_text(held.owners if held is not None else state),
        },
        as_json=as_json,
    )


@executor.command()
def release(
    site: SiteId,
    *,
    group: Group = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Bring the devices of a site back to the state that their owner had set.

    A Mara that runs is asked to disarm the site instead; a device that somebody else has set is left alone.
    """
    settings = read_settings()
    setup, spec = found_executor(settings, site, group)
    hold = HoldFile(setup.holds, setup.locks, site, group)
    held = hold.read()
    said = "nothing is held" if held is None else _given_back(_reached(spec, setup), hold, held)
    if as_json:
        show({"site": site, "group": group, "was_held": held is not None, "said": said}, as_json=True)
    else:
        typer.echo(f"{site}: {said}")


@executor.command()
def imitate(
    site: SiteId,
    *,
    group: Group = "",
    fault: Annotated[str, typer.Option(help=f"What they do wrong: {', '.join(FAULTS)}; left out: nothing.")] = "",
) -> None:
    """Serve imitated devices of a site on this machine, to try its executor there.

    They listen where the executors file says, which must be addresses of this machine, refuse what real ones refuse,
    and print each change. Ctrl-C ends them.
    """
    from mara.cli.imitations import served, wait_for_the_end

    if fault and fault not in FAULTS:
        raise CommandError(f"a fault should be one of {', '.join(FAULTS)}, {fault[:60]!r} came: name one of them")
    setup, spec = found_executor(read_settings(), site, group)
    with ExitStack() as stack:
        count = served(stack, spec, setup.secret, fault)
        typer.echo(f"{site}: {count} of {spec.kind} imitated{f', {fault}' if fault else ''}; Ctrl-C ends")
        wait_for_the_end()


def _given_back(reached: Executor, hold: HoldFile, held: Hold) -> str:
    hold.lock(reached.capabilities().device)
    try:
        said = released(reached, held, lambda _: None)
        hold.forget_as(said)
    finally:
        hold.unlock()
    return said


def _reached(spec: Any, setup: ExecutorSetup) -> Executor:
    clock = SystemClock()
    return executor_of(spec, setup.secret, clock.now, clock.monotonic_s)


def found_executor(settings: Settings, site: str, group: str) -> tuple[ExecutorSetup, Any]:
    """Find the executor of a site, or of a group of its machines.

    Raises:
        ConfigError: there is no executors file, or it cannot be used.
        CommandError: it names no executor for the site or group.
    """
    setup = executor_setup_of(settings)
    if setup is None:
        raise ConfigError("MARA_EXECUTORS should name a file of executors, and is not set: see docs/formats.md")
    specs = specs_in(setup.specs, machines_of(fleet_of(settings)))
    if (site, group) not in specs:
        there = ", ".join(f"{its} --group {part}" if part else its for its, part in specs)
        raise CommandError(f"no executor is set up for {f'{site} {group}'.rstrip()[:60]!r}: {setup.specs} has {there}")
    return setup, specs[site, group]
