"""Imitated devices and prices for the commands `imitate`, in place of real ones."""

import ipaddress
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event
from typing import Any, Final
from urllib.parse import urlsplit

import typer

from mara.errors import CommandError
from mara.feeds.live.sources import sources_of_spec
from mara.feeds.markets.building.spec import Spec
from mara.runtime.clock import SystemClock
from mara.signals.executors.luxos import PORT
from mara.signals.executors.specs import KueueSpec, LuxosSpec, ModbusSpec, WebhookSpec
from mara.signals.imitations.ercot_dashboard import ImitatedDashboard
from mara.signals.imitations.kube_api import ImitatedCluster
from mara.signals.imitations.limit_service import ImitatedService
from mara.signals.imitations.luxos_miner import ImitatedMiner
from mara.signals.imitations.modbus_controller import NO_LIMIT, ImitatedController
from mara.signals.imitations.serving import serving, serving_http

MOST_MINERS: Final = 200
"""Most miners that are imitated at once: each has a port and a thread."""
IMITATED_PROVIDER: Final = "ercot-dashboard"


def wait_for_the_end() -> None:
    """Wait until somebody ends the command."""
    Event().wait()


def served(stack: ExitStack, spec: Any, secret: str, fault: str) -> int:
    """Serve devices of a specification until the stack is closed; return how many.

    Raises:
        CommandError: they are not at free addresses of this machine, or of a kind that cannot be imitated.
    """
    with _refused_addresses():
        return _served(stack, spec, secret, fault)


def _served(stack: ExitStack, spec: Any, secret: str, fault: str) -> int:
    match spec:
        case WebhookSpec():
            service = ImitatedService(secret, SystemClock().now, spec.max_mw, _printing(spec.url))
            service.fault = fault
            parts = urlsplit(spec.url)
            stack.enter_context(service.serving(_ours(parts.hostname or ""), parts.port or 80))
        case ModbusSpec():
            most_counts = int(spec.max_mw / spec.mw_per_count)
            none = NO_LIMIT if spec.no_limit_counts is None else spec.no_limit_counts
            controller = ImitatedController(spec.register_, most_counts, none, _printing(f"{spec.host}:{spec.port}"))
            controller.fault, controller.unit = fault, spec.device
            stack.enter_context(serving(controller.answer, _ours(spec.host), spec.port))
        case KueueSpec():
            token = Path(spec.token_file).read_text(encoding="utf-8").strip()
            cluster = ImitatedCluster(told=_printing(f"{spec.url} {spec.cluster_queue}"), token=token)
            cluster.fault, parts = fault, urlsplit(spec.url)
            stack.enter_context(cluster.serving(_ours(parts.hostname or ""), parts.port or 80))
        case LuxosSpec():
            for host in spec.hosts[:MOST_MINERS]:
                miner = ImitatedMiner(SystemClock().monotonic_s, _printing(host))
                miner.fault = fault
                name, _, port = host.partition(":")
                stack.enter_context(serving(miner.answer, _ours(name), int(port or PORT)))
            return min(len(spec.hosts), MOST_MINERS)
        case _:
            raise CommandError(
                f"{spec.kind} cannot be imitated: choose webhook, modbus, luxos or kueue to try executors"
            )
    return 1


def served_prices(stack: ExitStack, spec: Spec) -> list[str]:
    """Serve live sources of a SPEC until the stack is closed; return their addresses.

    Raises:
        CommandError: they are not at free addresses of this machine, or of a provider that cannot be imitated.
    """
    addresses = set()
    for source in sources_of_spec(spec):
        if source.table.provider != IMITATED_PROVIDER:
            raise CommandError(
                f"{source.name}: {source.provider.id} cannot be imitated: choose {IMITATED_PROVIDER}, or a constant, to"
                " try live prices"
            )
        parts = urlsplit(source.provider.base)
        addresses.add((_ours(parts.hostname or ""), parts.port or 80))
    dashboard = ImitatedDashboard(SystemClock().now)
    with _refused_addresses():
        return [stack.enter_context(serving_http(dashboard, host, port)) for host, port in sorted(addresses)]


@contextmanager
def _refused_addresses() -> Iterator[None]:
    """Refuse an address that cannot be listened at, in one line."""
    try:
        yield
    except OSError as error:
        said = error.strerror or error
        raise CommandError(
            f"what is imitated should listen at a free address, but {said}: end what listens there, or name another"
        ) from error


def _ours(host: str) -> str:
    """Refuse an address that is not of this machine alone."""
    try:
        is_loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise CommandError(
            f"what is imitated should be at an address of this machine, such as 127.0.0.1:9100, {host[:60]!r} came:"
            " use a file for trying, beside that of the real site"
        )
    return host


def _printing(name: str) -> Callable[[str], None]:
    return lambda told: typer.echo(f"{name}: {told}")
