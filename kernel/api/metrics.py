"""``/metrics``: figures of the kernel for Prometheus, in a registry of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from .responses import Text

if TYPE_CHECKING:
    from retinue.bus.views import StatusView

__all__ = ["MEDIA_TYPE", "Requests", "exposition"]

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Requests:
    """How many requests were answered, by route and status. The loop's thread counts."""

    def __init__(self) -> None:
        """Begins at none."""
        self.answered: dict[tuple[str, str, int], int] = {}

    def count(self, method: str, path: str, status: int) -> None:
        """One more."""
        key = (method, path, status)
        self.answered[key] = self.answered.get(key, 0) + 1


def exposition(status: StatusView, requests: Requests, clients: int) -> Text:
    """All figures as Prometheus reads them."""
    registry = CollectorRegistry()
    registry.register(_Figures(lambda: _of_kernel(status)))
    registry.register(_Figures(lambda: _of_api(requests, clients)))
    return Text(generate_latest(registry).decode(), MEDIA_TYPE)


class _Figures(Collector):
    def __init__(self, collect: Callable[[], Iterator[Metric]]) -> None:
        self._collect = collect

    def collect(self) -> Iterator[Metric]:
        """Called by the registry."""
        return self._collect()


def _of_kernel(status: StatusView) -> Iterator[Metric]:
    yield _gauge("retinue_info", "The kernel.", 1, name=status.name, version=status.version)
    yield _gauge("retinue_up_seconds", "How long it has run.", status.uptime)
    yield _gauge("retinue_agents", "Agents that are there.", status.agents)
    yield _gauge("retinue_runs_open", "Runs that have not ended.", status.runs)
    yield _gauge("retinue_scheduler_paused", "Whether nothing new is started.", status.paused)
    yield _counter("retinue_events_total", "Events in the journal.", status.events)
    yield _counter("retinue_dead_letters_total", "Messages without a reader.", status.dead_letters)
    yield _gauge("retinue_journal_healthy", "Whether it can be written.", not status.journal)
    yield _by("retinue_tasks", "Tasks by state.", "state", status.tasks)
    if status.kept is not None:
        yield _gauge("retinue_journal_bytes", "Size of the journal's file.", status.kept.bytes)
        yield _gauge("retinue_journal_first_seq", "The oldest event kept.", status.kept.first)
    yield from _of_mirror(status)
    yield from _of_actors(status.actors)


def _of_mirror(status: StatusView) -> Iterator[Metric]:
    bus = status.bus
    live = bus.state == "live"
    yield _gauge("retinue_mirror_live", "Whether events reach Redis.", live, state=bus.state)
    yield _counter("retinue_mirror_published_total", "Events published.", bus.published)
    yield _counter("retinue_mirror_dropped_total", "Events dropped.", bus.dropped)
    yield _gauge("retinue_mirror_pending", "Events that wait to be published.", bus.pending)


def _of_actors(actors: list[dict[str, Any]]) -> Iterator[Metric]:
    told = (
        ("retinue_actor_mailbox_messages", "Messages that wait.", "mailbox_count"),
        ("retinue_actor_mailbox_bytes", "Bytes that wait.", "mailbox_bytes"),
    )
    for name, about, field in told:
        values = {str(actor["name"]): actor[field] for actor in actors if field in actor}
        yield _by(name, about, "actor", values)


def _of_api(requests: Requests, clients: int) -> Iterator[Metric]:
    family = CounterMetricFamily(
        "retinue_http_requests_total",
        "Requests that were answered.",
        labels=("method", "route", "status"),
    )
    for (method, path, status), count in list(requests.answered.items()):
        family.add_metric((method, path, str(status)), count)
    yield family
    yield _gauge("retinue_http_followers", "Clients that follow events.", clients)


def _gauge(metric: str, about: str, value: float, **labels: str) -> Metric:
    family = GaugeMetricFamily(metric, about, labels=tuple(labels))
    family.add_metric(tuple(labels.values()), float(value))
    return family


def _counter(name: str, about: str, value: float) -> Metric:
    return CounterMetricFamily(name, about, value=float(value))


def _by(name: str, about: str, label: str, values: dict[str, Any]) -> Metric:
    family = GaugeMetricFamily(name, about, labels=(label,))
    for key, value in values.items():
        family.add_metric((key,), float(value))
    return family
