"""Plugins that may start processes: bounded in number, and all gone with the first."""

from __future__ import annotations

import os

import pytest
from faults.hangs import Plugins

from retinue.bus.errors import RetinueError
from retinue.plugins.manifest.model import Limits, Permissions
from retinue.plugins.sandbox.cgroups import Cgroup, Exceeded
from retinue.plugins.sandbox.hierarchy import members
from retinue.plugins.sandbox.levels import missing as lacking
from retinue.plugins.sandbox.outside import processes_in, status_of
from retinue.plugins.tools import ToolContext

FORKS = Permissions(processes=True)
PIDS = 24
HOARDERS = [
    ("big", {"size": 128 << 20}),
    ("shared", {"size": 128 << 20}),
    ("family", {"count": 8, "size": 16 << 20}),
]
"""By heap, by shared memory, and spread over children of whom none has much."""


@pytest.fixture
def family(tmp_path, given, missing):
    if gone := lacking("strict", given):
        missing(", ".join(name for name, _ in gone), gone[0][1].remedy)
    den = Plugins(tmp_path, given, "strict")
    admitted, limits = den.admitted(), Limits(pids=PIDS)
    plan = den.plan(admitted, FORKS, limits)
    yield den.hosted(admitted, plan, FORKS, limits)
    den.close()


def test_daemons_that_forked_twice_end_with_their_plugin(family, on_a_loop):
    async def work():
        await family.start()
        namespace = family.process.confined.pid_namespace
        assert await family.call("daemons", {"count": 5}, ToolContext()) == 5
        assert len(list(processes_in(namespace))) >= 6
        await family.stop(0.0)
        return namespace

    assert list(processes_in(on_a_loop(work()))) == []


def test_a_fork_bomb_is_bounded_and_ends_with_its_plugin(family, on_a_loop):
    async def work():
        await family.start()
        namespace = family.process.confined.pid_namespace
        made = await family.call("fork_bomb", {}, ToolContext())
        alive = len(list(processes_in(namespace)))
        await family.stop(0.0)
        return namespace, made, alive

    namespace, made, alive = on_a_loop(work())
    assert made < PIDS
    assert alive <= PIDS + 2  # bubblewrap's own first one besides
    assert list(processes_in(namespace)) == []


@pytest.mark.parametrize("level", ["standard", "limits"])
def test_without_a_pid_namespace_the_cgroup_ends_them_all(
    tmp_path, given, missing, on_a_loop, level
):
    if not given.cgroup.there:
        pytest.xfail(f"no cgroup is delegated here: {given.cgroup.detail}")
    if gone := lacking(level, given):
        missing(", ".join(name for name, _ in gone), gone[0][1].remedy)
    den = Plugins(tmp_path, given, level)
    admitted = den.admitted()
    plugin = den.hosted(admitted, den.plan(admitted, FORKS), FORKS)

    async def work():
        await plugin.start()
        cgroup = plugin.process.confined.cgroup
        assert await plugin.call("daemons", {"count": 5}, ToolContext()) == 5
        pids = members(cgroup.folder)
        assert await plugin.call("program", {"words": ["/bin/echo", "hi"]}, ToolContext()) == "hi\n"
        await plugin.stop(0.0)
        return len(pids), [pid for pid in pids if alive(pid)], cgroup.folder.exists()

    try:
        assert on_a_loop(work()) == (6, [], False)
    finally:
        den.close()


class Met(Cgroup):
    """As if the plugin had met a bound: Linux counts that only where it has the controllers."""

    def exceeded(self):
        return (Exceeded("pids", "start a process or thread", 3),)


def test_a_bound_on_all_its_processes_that_it_met_is_told_at_its_end(plugins, given, on_a_loop):
    if not given.cgroup.there:
        pytest.xfail(f"no cgroup is delegated here: {given.cgroup.detail}")

    async def work():
        plugin = plugins.plugin()
        await plugin.start()
        confined = plugin.process.confined
        confined.cgroup = Met(confined.cgroup.folder)
        await plugin.stop(0.0)

    on_a_loop(work())
    assert plugins.watch.events == ["cgroup:limits.pids"]


@pytest.fixture
def bounded(tmp_path, given, missing):
    """``bounded(level, limits)``: a plugin that may fork, where Linux bounds its processes together."""
    dens = []

    def made(level, limits):
        if lack := {"memory", "pids"}.difference(given.cgroup_controllers):
            pytest.xfail(f"no {', '.join(sorted(lack))} in cgroup v2 here: scripts/vm has them")
        if gone := lacking(level, given):
            missing(", ".join(name for name, _ in gone), gone[0][1].remedy)
        den = Plugins(tmp_path, given, level)
        dens.append(den)
        admitted = den.admitted()
        return den.hosted(admitted, den.plan(admitted, FORKS, limits), FORKS, limits), den.watch

    yield made
    for den in dens:
        den.close()


@pytest.mark.parametrize("level", ["strict", "standard", "limits"])
@pytest.mark.parametrize(("tool", "given_it"), HOARDERS)
def test_more_memory_than_all_its_processes_may_hold_ends_a_plugin(
    bounded, on_a_loop, level, tool, given_it
):
    plugin, watch = bounded(level, Limits(resident_bytes=64 << 20, start_seconds=30))

    async def work():
        await plugin.start()
        process = plugin.process
        with pytest.raises(RetinueError, match=r"has ended: .* met limits.resident_bytes"):
            await plugin.call(tool, given_it, ToolContext())
        await process.gone
        await plugin.stop(0.0)

    on_a_loop(work(), 60)
    assert watch.events == ["cgroup:limits.resident_bytes"]


@pytest.mark.parametrize("level", ["strict", "standard", "limits"])
def test_more_processes_than_it_may_have_are_told_at_its_end(bounded, on_a_loop, level):
    plugin, watch = bounded(level, Limits(pids=PIDS, start_seconds=30))

    async def work():
        await plugin.start()
        made = await plugin.call("fork_bomb", {}, ToolContext())
        await plugin.stop(0.0)
        return made

    assert 0 < on_a_loop(work(), 60) < PIDS
    assert watch.events == ["cgroup:limits.pids"]


def alive(pid):
    try:
        return not status_of(pid)["State"].startswith("Z")
    except OSError:
        return False


def test_no_process_of_the_host_is_in_sight_or_in_reach(family, on_a_loop):
    async def work():
        await family.start()
        with pytest.raises(RetinueError, match="Permission denied: '/proc'"):
            await family.call("neighbours", {}, ToolContext())
        reached = await family.call("signalled", {"pids": [os.getpid()]}, ToolContext())
        await family.stop(0.0)
        return reached

    assert on_a_loop(work()) == []
