"""What ``retinue doctor`` says of the walls: each layer with its remedy, and the level that results."""

from __future__ import annotations

import json

import msgspec
import pytest
from click.testing import CliRunner

from retinue.kernel.cli.doctor import command
from retinue.kernel.config import SandboxConfig
from retinue.kernel.wall_checks import told
from retinue.plugins.sandbox.given import Given, Layer

HERE = Layer(there=True, detail="found")
GONE = Layer(there=False, detail="not there", remedy="get it")
LAYERS = ("seccomp", "landlock", "namespaces", "bwrap", "cgroup")
ALL = Given(machine="x86_64", root=False, **dict.fromkeys(LAYERS, HERE))


def findings(given=ALL, config=None, *, wanted=False):
    return {f.check: f for f in told(given, config or SandboxConfig(), wanted=wanted)}


def without(*layers):
    return msgspec.structs.replace(ALL, **dict.fromkeys(layers, GONE))


def test_a_host_that_gives_all_is_told_layer_by_layer_and_by_its_level():
    found = findings()
    assert list(found) == [*LAYERS, "plugins"]
    assert {name for name, f in found.items() if f.state != "ok"} == set()
    assert "gives 'strict'" in found["plugins"].found


@pytest.mark.parametrize("layer", ["seccomp", "landlock", "namespaces"])
def test_a_layer_that_the_operator_asked_for_has_to_be_mended(layer):
    asked = findings(without(layer), wanted=True)
    assert (asked[layer].state, asked[layer].remedy) == ("fail", "get it")
    assert asked["plugins"].state == "fail"
    assert f"mend {layer}" in asked["plugins"].remedy
    usual = findings(without(layer))
    assert (usual[layer].state, usual["plugins"].state) == ("note", "note")


def test_a_layer_that_the_level_does_without_is_a_note():
    found = findings(without("bwrap", "cgroup"), wanted=True)
    assert (found["bwrap"].state, found["cgroup"].state, found["plugins"].state) == (
        "note",
        "note",
        "ok",
    )


@pytest.mark.parametrize(
    ("cgroup", "state", "said"),
    [
        (HERE, "ok", "found"),
        (
            Layer(there=True, detail="no bounds on memory", remedy="boot"),
            "note",
            "no bounds on memory",
        ),
        (GONE, "note", "none is put on a tree of them (not there)"),
    ],
)
def test_what_cgroups_give_is_said_and_what_they_do_not(cgroup, state, said):
    found = findings(msgspec.structs.replace(ALL, cgroup=cgroup))["cgroup"]
    assert (found.state, found.remedy) == (state, cgroup.remedy)
    assert said in found.found


@pytest.mark.parametrize("level", ["baseline", "limits"])
def test_a_lowered_level_is_said_to_be_degraded_with_the_one_there_is(level):
    found = findings(config=SandboxConfig(level=level, minimum=level))
    assert found["plugins"].state == "note"
    assert "degraded" in found["plugins"].found
    assert "'strict'" in found["plugins"].remedy


def test_who_is_trusted_below_the_minimum_is_named():
    said = [f.found for f in told(ALL, SandboxConfig(trusted=("weather",)), wanted=True)]
    assert any("weather may run below the minimum" in line for line in said)


def test_the_command_tries_this_host_and_tells_programs_too(tmp_path):
    run = CliRunner().invoke(command, ["--json", "--state-dir", str(tmp_path)])
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    found = {line["check"]: line for line in lines}
    assert set(LAYERS) <= set(found)
    assert all("remedy" in line for line in lines if line["state"] == "fail")
    assert "this host gives" in found["plugins"]["found"]
