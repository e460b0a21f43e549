"""What is decided without starting anything: levels, rights, and what is not proven."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retinue.bus.errors import PluginError
from retinue.plugins.hosting.starting import level_for
from retinue.plugins.manifest.model import Limits, Manifest, Permissions
from retinue.plugins.sandbox import landlock, levels, outside
from retinue.plugins.sandbox.given import Given, Layer

HERE = Layer(there=True, detail="found")
GONE = Layer(there=False, detail="not in this Linux", remedy="boot another one")
ALL = Given(
    machine="x86_64",
    root=False,
    landlock=HERE,
    seccomp=HERE,
    namespaces=HERE,
    bwrap=HERE,
    cgroup=GONE,
    bwrap_path="/usr/bin/bwrap",
)
LEVELS = ("strict", "standard", "baseline", "limits")
PAIRS = [(level, layer) for level in LEVELS for layer in levels.LAYERS[level]]


def planned(level="standard", given=ALL, permissions=None, **changed):
    fields = {
        "readable": ("/opt/python",),
        "packages": {"retinue.bus": "/opt/bus"},
        "python_path": ("/opt/python/lib",),
        "main": "guest",
        "permissions": permissions or Permissions(),
        "limits": Limits(),
    }
    return levels.plan(level, given, **{**fields, **changed})


def without(layer):
    return msgspec.structs.replace(ALL, **{layer: GONE})


@pytest.mark.parametrize(("level", "layer"), PAIRS)
def test_a_layer_that_is_missing_refuses_the_start_with_cause_and_remedy(level, layer):
    with pytest.raises(PluginError, match=f"{layer}: not in this Linux, boot another one"):
        planned(level, without(layer))


@pytest.mark.parametrize("level", LEVELS)
def test_each_level_is_had_where_all_its_layers_are(level):
    assert planned(level).layers == levels.LAYERS[level]


def test_the_strongest_level_is_the_one_whose_layers_are_all_there():
    assert [levels.best(without(name)) for name in ("bwrap", "namespaces", "landlock")] == [
        "standard",
        "baseline",
        "limits",
    ]
    assert levels.best(ALL) == "strict"


@pytest.mark.parametrize("level", ["standard", "baseline"])
def test_children_need_walls_that_hold_children_too(level):
    forks = Permissions(processes=True)
    with pytest.raises(PluginError, match="needs the level 'strict' or a cgroup"):
        planned(level, permissions=forks)
    assert planned("strict", permissions=forks).launcher["seccomp"][1]
    grouped = msgspec.structs.replace(ALL, cgroup=HERE, landlock_version=6)
    assert planned(level, grouped, permissions=forks).launcher["seccomp"][1]
    with pytest.raises(PluginError, match="needs the level 'strict' or a cgroup"):
        planned(level, msgspec.structs.replace(grouped, landlock_version=5), permissions=forks)


def test_what_is_started_is_kept_where_only_a_cgroup_holds_it():
    forks = Permissions(processes=True)
    grouped = msgspec.structs.replace(ALL, cgroup=HERE, landlock_version=6)
    levels = ("strict", "standard", "baseline", "limits")
    assert [planned(level, grouped, permissions=forks).kept for level in levels] == [
        False,  # a pid namespace ends with its first process
        True,
        True,
        True,
    ]
    assert [planned(level, grouped).kept for level in levels] == [False, False, False, True]
    assert not planned("limits").kept  # without a cgroup there is nothing to do it with


def test_a_cgroups_bound_on_processes_is_met_before_that_of_a_user_which_counts_nothing():
    bounding = msgspec.structs.replace(ALL, cgroup=HERE, cgroup_controllers=("pids",))
    for level in ("strict", "standard"):
        made = planned(level, bounding)
        assert made.launcher["limits"]["pids"] > int(made.tree.bounds["pids.max"])
        assert planned(level).launcher["limits"]["pids"] == Limits().pids


def test_children_are_held_by_bubblewrap_and_without_it_by_a_cgroup():
    forks = Manifest("forks", "1.0.0", permissions=Permissions(processes=True))
    command = Manifest("runs", "1.0.0", runtime="exec", permissions=Permissions(processes=True))
    bare = without("bwrap")
    grouped = msgspec.structs.replace(bare, cgroup=HERE, landlock_version=6)

    def chosen(manifest, given):
        return level_for(manifest, "standard", "standard", trusted=False, given=given)

    assert [chosen(forks, given) for given in (ALL, bare, grouped)] == [
        "strict",
        "strict",
        "standard",
    ]
    assert chosen(command, grouped) == "strict"


def test_only_what_is_granted_is_written_and_never_executed():
    granted = Permissions(read=("/data",), write=("/out",))
    for level in ("strict", "standard", "baseline"):
        files = planned(level, permissions=granted).launcher["landlock"]
        written = {path for path, write, _ in files if write}
        assert written - {"/tmp"} == {"/out", "/dev/null"}
        assert ("/data", False, False) in files
        assert {path for path, _, execute in files if execute} == set()


def test_a_private_tmp_is_only_where_there_is_a_view():
    tmp = [("/tmp", True, False)]
    found = {level: planned(level).launcher["landlock"] for level in ("standard", "baseline")}
    assert tmp[0] in found["standard"]
    assert tmp[0] not in found["baseline"]


def test_the_environment_is_built_from_nothing(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "not for plugins")
    environment = planned(environment={"CITY": "Wien"}).launcher["environment"]
    assert environment["CITY"] == "Wien"
    assert not {"OPENAI_API_KEY", "LD_PRELOAD", "PYTHONPATH"} & set(environment)


def test_threads_are_bounded_by_the_uid_or_by_what_there_is_besides():
    root = msgspec.structs.replace(ALL, root=True)
    bounds = {(lv, g.root): planned(lv, g).launcher["limits"] for lv in LEVELS for g in (ALL, root)}
    assert all("pids" in bounds[lv, r] for lv in ("strict", "standard") for r in (True, False))
    assert "pids" in bounds["baseline", True]
    assert "more_pids" in bounds["baseline", False]
    assert not {"pids", "more_pids"} & set(bounds["limits", False])


def test_root_gives_up_its_uid_and_keeps_a_few_rights_to_do_so():
    root = msgspec.structs.replace(ALL, root=True)
    assert planned("standard", root).drops_uid
    assert not planned("limits", root).drops_uid
    words = planned("strict", root).bwrap
    kept = {words[i + 1] for i, word in enumerate(words) if word == "--cap-add"}
    assert kept == {"CAP_SYS_ADMIN", "CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP"}
    lending = planned("strict", root, Permissions(read=("/data",))).bwrap
    more = {lending[i + 1] for i, word in enumerate(lending) if word == "--cap-add"} - kept
    assert more == {"CAP_SETFCAP", "CAP_DAC_READ_SEARCH"}
    assert "--disable-userns" in planned("strict").bwrap


def test_bubblewrap_is_told_to_take_all_away_and_to_end_with_the_kernel():
    words = planned("strict").bwrap
    assert words[0] == "/usr/bin/bwrap"
    for wall in ("pid", "net", "ipc", "uts", "user"):
        assert f"--unshare-{wall}" in words
    assert {"--die-with-parent", "--new-session", "--clearenv"} <= set(words)


@given(st.integers(0, 9), st.booleans(), st.booleans(), st.booleans())
def test_rights_are_within_what_the_version_knows_and_a_file_has_those_of_a_file(abi, w, x, folder):
    rights = landlock.rights_of(landlock.Allowed("/x", w, x), abi, folder=folder)
    assert rights & ~landlock.handled(abi)[0] == 0
    assert bool(rights & landlock._WRITE_FILE) == w
    assert bool(rights & landlock._EXECUTE) == x
    if not folder:
        assert rights & ~landlock._FILE_ONLY == 0


def test_links_devices_and_sockets_are_never_made():
    rights = landlock.rights_of(landlock.Allowed("/x", True, True), 7, folder=True)
    makes_char, makes_sock, makes_fifo, makes_block, makes_sym = (
        1 << n for n in (6, 9, 10, 11, 12)
    )
    assert rights & (makes_char | makes_sock | makes_fifo | makes_block | makes_sym) == 0


STATUS = {
    "NoNewPrivs": "1",
    "Seccomp": "2",
    "Uid": "9 9 9 9",
    "Gid": "9 9 9 9",
    "Groups": "",
    **dict.fromkeys(("CapEff", "CapPrm", "CapInh", "CapAmb"), "0000000000000000"),
}
INSIDE, HOST = {"mnt": 1, "net": 2, "pid": 3}, {"mnt": 7, "net": 8, "pid": 9}


def unproven(status=None, inside=INSIDE, **changed):
    fields = {
        "confined": True,
        "seccomp": True,
        "uid": 9,
        "host": HOST,
        "namespaces": tuple(INSIDE),
    }
    return outside.unproven({**STATUS, **(status or {})}, inside=inside, **{**fields, **changed})


def test_a_process_whose_walls_are_seen_is_proven():
    assert unproven() == []


@pytest.mark.parametrize(
    ("status", "word"),
    [
        ({"NoNewPrivs": "0"}, "NoNewPrivs"),
        ({"Seccomp": "0"}, "no system call filter"),
        ({"CapEff": "1"}, "CapEff"),
        ({"CapPrm": "1"}, "CapPrm"),
        ({"CapAmb": "1"}, "CapAmb"),
        ({"Uid": "9 9 0 9"}, "not uid 9 alone"),
        ({"Gid": "9 0 9 9"}, "other groups"),
        ({"Groups": "27"}, "other groups"),
    ],
)
def test_what_cannot_be_seen_is_named(status, word):
    (wrong,) = unproven(status)
    assert word in wrong


@pytest.mark.parametrize("kind", INSIDE)
def test_a_namespace_of_the_hosts_is_named(kind):
    (wrong,) = unproven(inside={**INSIDE, kind: HOST[kind]})
    assert f"host's {kind} namespace" in wrong
