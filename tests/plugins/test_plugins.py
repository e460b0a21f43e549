"""Plugins, their entry points and manifests: a broken one is named, and the others load."""

from __future__ import annotations

import os
import re
import sys
from importlib.metadata import EntryPoint

import pytest

from retinue.bus.errors import PluginError
from retinue.plugins import InvalidInput, Plugin, agent, tool
from retinue.plugins.loader import GROUP, load_manifest, load_plugins
from retinue.plugins.manifest import MAX_BYTES, parse_manifest, read_manifest

CODE = """
from __future__ import annotations
from retinue.plugins import Plugin, tool

@tool
async def read(what: str):
    return what

def good(settings):
    return Plugin("good", settings.get("version", "1.0"), tools=[read])

def other_name(settings):
    return Plugin("surprise", "1.0")

def raising(settings):
    raise RuntimeError("no licence file")

def leaving(settings):
    raise SystemExit(3)

def nothing(settings):
    return None

def settings_of(settings):
    return Plugin("settings-of", "1.0", description=repr(settings))

number = 5
"""


@pytest.fixture
def code(tmp_path, monkeypatch):
    (tmp_path / "my_plugin_code.py").write_text(CODE)
    monkeypatch.syspath_prepend(tmp_path)
    yield "my_plugin_code"
    sys.modules.pop("my_plugin_code", None)


def entry(name, value):
    return EntryPoint(name, value, GROUP)


def test_a_plugin_s_tools_carry_its_name():
    @tool
    def read():
        pass

    @tool(name="shelf.write")
    def write():
        pass

    shelf = Plugin("shelf", "1.0", tools=[read, write])
    assert [t.name for t in shelf.tools] == ["shelf.read", "shelf.write"]
    assert repr(shelf) == "<Plugin shelf 1.0: 2 tools, 0 agents>"


@agent(name="twin")
async def one(ctx):
    pass


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Plugin("Shelf", "1"), "plugin 'Shelf': a name is 2 to 64 lower-case"),
        (lambda: Plugin("s", "1"), "a name is 2 to 64"),
        (lambda: Plugin("shelf\n", "1"), "a name is 2 to 64"),
        (lambda: Plugin("shelf", ""), "version '' is not a version"),
        (lambda: Plugin("shelf", 1), "version 1 is not a version"),
        (lambda: Plugin("shelf", "1", tools=[tool(name="files.read")(lambda: 1)]),
         "plugin 'shelf': tool 'files.read' is outside its name; call it 'shelf.read'"),
        (lambda: Plugin("shelf", "1", tools=[tool(name=n)(lambda: 1) for n in ("read", "shelf.read")]),
         "two tools are named 'shelf.read'"),
        (lambda: Plugin("shelf", "1", agents=[one, one]), "two agents are named 'twin'"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_plugin_is_refused(make, says):
    with pytest.raises(InvalidInput, match=says):
        make()


def test_the_system_s_plugins_come_in_through_the_entry_points(tmp_path):
    plugins, errors = load_plugins({"files": {"roots": [str(tmp_path)]}})
    names = {plugin.name for plugin in plugins}
    assert {"clock", "echo", "files"} <= names
    assert errors == []


def test_a_broken_plugin_is_named_with_its_cause_and_the_others_load(code):
    found = [
        entry("good", f"{code}:good"),
        entry("absent", "no_such_code:plugin"),
        entry("no-factory", f"{code}:not_there"),
        entry("not-callable", f"{code}:number"),
        entry("raising", f"{code}:raising"),
        entry("leaving", f"{code}:leaving"),
        entry("nothing", f"{code}:nothing"),
        entry("other-name", f"{code}:other_name"),
        entry("good", f"{code}:good"),
    ]
    plugins, errors = load_plugins({}, found)
    assert [p.name for p in plugins] == ["good"]
    assert [str(e) for e in errors] == [
        "plugin 'absent' (no_such_code:plugin): ModuleNotFoundError: No module named 'no_such_code'",
        f"plugin 'good' ({code}:good): the name is taken; uninstall one of the two",
        f"plugin 'leaving' ({code}:leaving): SystemExit: 3",
        (
            f"plugin 'no-factory' ({code}:not_there): AttributeError: module '{code}' has no"
            " attribute 'not_there'"
        ),
        f"plugin 'not-callable' ({code}:number): TypeError: 'int' object is not callable",
        f"plugin 'nothing' ({code}:nothing): the factory returned NoneType; return a Plugin",
        f"plugin 'other-name' ({code}:other_name): calls itself 'surprise'; use one name",
        f"plugin 'raising' ({code}:raising): RuntimeError: no licence file",
    ]


def test_settings_reach_their_plugin_and_disabled_ones_stay_out(code):
    found = [entry("settings-of", f"{code}:settings_of"), entry("good", f"{code}:good")]
    plugins, errors = load_plugins(
        {"settings-of": {"enabled": True, "a": 1}, "good": {"enabled": False}}, found
    )
    assert [(p.name, p.description) for p in plugins] == [("settings-of", "{'a': 1}")]
    assert errors == []


def test_settings_for_a_plugin_that_is_not_installed_are_an_error():
    _, errors = load_plugins({"fils": {"roots": []}}, [entry("files", "x:y")])
    assert "plugin 'fils': has settings but is not installed; known are files" in map(str, errors)


@pytest.mark.parametrize(
    ("name", "settings", "says"),
    [
        ("files", {"root": "/"}, "unknown field `root`; its settings are: roots, hidden"),
        ("files", {"roots": ["/no/such/folder"]}, "/no/such/folder is not there"),
        ("files", {"roots": {"me": __file__}}, "'me': .* is not a folder; grant folders"),
        ("clock", {"max_sleep": "long"}, r"Expected `float`, got `str` - at `\$.max_sleep`"),
        ("echo", {"loud": True}, "unknown field `loud`; its settings are: none"),
    ],
)
def test_a_system_plugin_with_a_wrong_setting_is_named_with_the_remedy(name, settings, says):
    found = [entry(name, f"retinue.plugins.system.{name}:plugin")]
    plugins, (error,) = load_plugins({name: settings}, found)
    assert plugins == []
    assert str(error).startswith(f"plugin '{name}' ")
    assert re.search(says, str(error))


GOOD = b"""\
name = "good"
version = "1.0"
entry = "my_plugin_code:good"
description = "d"

[settings]
depth = 3
"""


def test_a_manifest_is_read(tmp_path):
    path = tmp_path / "plugin.toml"
    path.write_bytes(GOOD)
    manifest = read_manifest(path)
    assert (manifest.name, manifest.entry) == ("good", "my_plugin_code:good")
    assert manifest.settings == {"depth": 3}


def test_a_manifest_s_plugin_is_made_with_its_settings_under_the_operator_s(code, tmp_path):
    path = tmp_path / "plugin.toml"
    path.write_text(
        f'name = "settings-of"\nversion = "1.0"\nentry = "{code}:settings_of"\nsettings = {{a = 1, b = 1}}\n'
    )
    assert load_manifest(path, {"b": 2}).description == "{'a': 1, 'b': 2}"


def test_a_manifest_whose_version_is_not_the_code_s_is_refused(code, tmp_path):
    path = tmp_path / "plugin.toml"
    path.write_bytes(GOOD.replace(b"1.0", b"2.0"))
    with pytest.raises(PluginError, match=r"plugin.toml: version is 2.0, the code's 1.0"):
        load_manifest(path, {})


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (GOOD.replace(b"description", b"rights"), "^p.toml:4: .*unknown field `rights`; the keys"),
        (GOOD.replace(b'name = "good"\n', b""), "^p.toml: .*missing required field `name`"),
        (GOOD.replace(b'"1.0"', b"1.0"), r"^p.toml:2: Expected `str`, got `float` - at `\$.version`"),
        (GOOD.replace(b'"1.0"', b'""'), "^p.toml:2: .*version '' is not a version"),
        (GOOD.replace(b"good", b"Good", 1), "^p.toml:1: plugin 'Good': a name is 2 to 64"),
        (GOOD.replace(b'"good"', b'"go\\u202eod"', 1), "^p.toml:1: plugin"),
        (GOOD.replace(b'"good"', '"g\N{CYRILLIC SMALL LETTER O}od"'.encode(), 1), "^p.toml:1: plugin"),
        (GOOD.replace(b'"good"', b'"good\\n"', 1), "^p.toml:1: plugin"),
        (GOOD.replace(b"my_plugin_code:good", b"../x.py"), "^p.toml:3: entry '../x.py' is not module:"),
        (GOOD.replace(b"my_plugin_code:good", b"os:system\\n"), "^p.toml:3: entry"),
        (GOOD.replace(b"[settings]\ndepth = 3", b"settings = 3"), r"^p.toml:6: Expected `object`"),
        (GOOD + b'name = "x"\n[settings]\n', "^p.toml: is not TOML: .*line"),
        (b"name = ", "^p.toml: is not TOML"),
        (b"\xff", "^p.toml: is not UTF-8"),
        (b'name = "a\0b"', "holds a NUL"),
        (b"#" * (MAX_BYTES + 1), "is over 65536 bytes"),
        (b"a = " + b"[" * 20_000, "^p.toml: is "),
    ],
)  # fmt: skip
def test_a_wrong_manifest_is_refused_with_file_line_and_remedy(data, says):
    with pytest.raises(PluginError, match=says):
        parse_manifest(data, "p.toml")


@pytest.mark.parametrize("kind", ["absent", "folder", "link", "fifo", "nul"])
def test_a_manifest_that_is_no_regular_file_is_refused(kind, tmp_path):
    path = tmp_path / "plugin.toml"
    if kind == "folder":
        path.mkdir()
    elif kind == "link":
        (tmp_path / "real").write_bytes(GOOD)
        path.symlink_to("real")
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "nul":
        path = tmp_path / "plugin.toml\0.txt"
    with pytest.raises(PluginError, match=r"give a plugin\.toml"):
        read_manifest(path)
