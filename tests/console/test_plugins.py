"""The pages of plugins: loading them with what they ask for in sight, and calling their tools."""

from __future__ import annotations

import io
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from retinue.bus.errors import PluginError
from retinue.bus.views import PluginView

from .daemons import RETINUE, Daemon

PERMISSIONS = """
[permissions]
read = ["/srv/notes"]
net = [{ host = "api.example.org" }]
"""
CEILING = """
[sandbox.allow]
read = ["/srv"]
net = [{ host = "api.example.org" }]
"""
CODE = '''
import asyncio, os

from retinue.plugins import ToolContext, tool


@tool
async def spell(ctx: ToolContext, word: str, wait: bool = False) -> dict[str, int]:
    """Say a word letter by letter."""
    for number, letter in enumerate(word, start=1):
        ctx.stream(letter)
        ctx.progress(number, len(word), "spelling")
    if wait:
        await asyncio.sleep(3600)
    return {"letters": len(word)}


@tool
async def die() -> None:
    """End the process."""
    os._exit(3)
'''


@pytest.fixture(scope="module")
def daemon(tmp_path_factory) -> Iterator[Daemon]:
    """One that has a ceiling for what plugins are granted."""
    folder = tmp_path_factory.mktemp("console")
    (folder / "config.toml").write_text(CEILING)
    made = Daemon(folder / "state", (), RETINUE_CONFIG=str(folder / "config.toml"))
    try:
        yield made
    finally:
        made.kill()


def test_a_folder_is_loaded_once_what_it_asks_for_is_approved(console, browsing, daemon, tmp_path):
    folder = _made(tmp_path, "words", PERMISSIONS)
    browsing.go(console, "plugins")
    expect(console.get_by_role("button", name="Load a plugin")).to_be_enabled()
    console.keyboard.press("n")
    dialog = console.get_by_role("dialog")
    dialog.get_by_label("Folder").fill(str(folder))
    dialog.get_by_role("button", name="See what it asks for").click()
    for asked in ("read /srv/notes", "fetch from api.example.org:443 with GET"):
        expect(dialog.get_by_role("listitem").filter(has_text=asked)).to_be_visible()
    assert "words" not in _loaded(daemon)
    dialog.get_by_role("button", name="Approve and load").click()
    expect(console.get_by_role("heading", name="words 0.1.0")).to_be_visible()
    state = console.get_by_label("State")
    view = _loaded(daemon)["words"]
    for told in (f"the level {view.level}", *view.layers, str(view.pid), view.digest):
        expect(state).to_contain_text(told)
    expect(console.get_by_role("region", name="It may")).to_contain_text("read /srv/notes")


def test_what_a_version_asks_for_beyond_the_one_before_is_marked(
    console, browsing, daemon, tmp_path
):
    folder = _made(tmp_path, "wider", PERMISSIONS)
    daemon.retinue("plugins", "load", str(folder), "--yes")
    manifest = (folder / "plugin.toml").read_text().replace("notes", "other")
    (folder / "plugin.toml").write_text(manifest.replace("0.1.0", "0.2.0"))
    dialog = _proposed(console, browsing, folder)
    expect(dialog.get_by_text("in the place of 0.1.0")).to_be_visible()
    marked = dialog.get_by_role("listitem").filter(has=console.get_by_text("new", exact=True))
    expect(marked).to_have_count(1)
    expect(marked).to_contain_text("read /srv/other")


def test_what_it_asks_for_beyond_the_ceiling_is_told(console, browsing, tmp_path):
    wish = '[permissions]\nread = ["/srv/notes", "/opt/secret"]\n'
    dialog = _proposed(console, browsing, _made(tmp_path, "greedy", wish))
    told = dialog.get_by_role("list")
    expect(told).to_have_text(["read /srv/notes", "read /opt/secret"])
    expect(dialog).to_contain_text("more than plugins are allowed, and would run without")


def test_a_pasted_plugin_is_loaded_and_its_tool_called(console, browsing):
    browsing.go(console, "plugins?do=load&from=paste")
    dialog = console.get_by_role("dialog")
    manifest = 'name = "pasted"\nversion = "1.0"\nentry = "pasted_plugin"\n'
    dialog.get_by_label("plugin.toml").fill(manifest)
    dialog.get_by_label("Name of the file").fill("pasted_plugin.py")
    dialog.get_by_label("Code", exact=True).fill(CODE)
    dialog.get_by_role("button", name="See what it asks for").click()
    expect(dialog).to_contain_text("nothing beyond computing")
    dialog.get_by_role("button", name="Approve and load").click()
    expect(console.get_by_role("heading", name="pasted 1.0")).to_be_visible()
    browsing.go(console, "plugins/pasted?tool=pasted.spell")
    console.get_by_label("word").fill("tea")
    console.get_by_role("button", name="Call", exact=True).click()
    expect(console.get_by_label("Result")).to_contain_text('"letters": 3')


def test_what_a_tool_says_is_shown_while_it_works_and_closing_ends_it(
    console, browsing, daemon, tmp_path
):
    folder = _made(tmp_path, "speaker", code=CODE)
    daemon.retinue("plugins", "load", str(folder), "--yes")
    browsing.go(console, "plugins/speaker?tool=speaker.spell")
    console.get_by_label("word").fill("<i>a")
    console.get_by_label("wait").check()
    console.get_by_role("button", name="Call", exact=True).click()
    outcome = console.get_by_label("What came of the call")
    expect(outcome.get_by_label("Output")).to_have_text("<i>a")
    expect(outcome).to_contain_text("4 of 4, spelling")
    expect(outcome.get_by_role("status")).to_have_text("It works.")
    outcome.get_by_role("button", name="Cancel").click()
    expect(outcome.get_by_role("status")).to_contain_text("It was cancelled")
    returned = daemon.client.events({"from": "start", "type": "tool.returned"})
    ended = next(event for event in returned if event.data["tool"] == "speaker.spell")
    assert not ended.data["ok"]


def test_an_archive_that_is_chosen_is_unpacked_and_loaded(console, browsing):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("some/zipped/plugin.toml", _manifest("zipped"))
        archive.writestr("some/zipped/zipped_plugin.py", CODE)
        archive.writestr("some/zipped/__pycache__/x.pyc", b"\0")
        archive.writestr("some/README.md", "not the plugin's")
    browsing.go(console, "plugins?do=load&from=files")
    dialog = console.get_by_role("dialog")
    file = {"name": "it.zip", "mimeType": "application/zip", "buffer": packed.getvalue()}
    dialog.get_by_label("a zip archive").set_input_files(file)
    expect(dialog.get_by_role("status")).to_contain_text("2 files")
    dialog.get_by_role("button", name="See what it asks for").click()
    dialog.get_by_role("button", name="Approve and load").click()
    expect(console.get_by_role("heading", name="zipped 1.0")).to_be_visible()


def test_what_is_no_plugin_is_told_and_the_form_stays(console, browsing):
    console.watch.forgive("422")
    browsing.go(console, "plugins?do=load&from=files")
    dialog = console.get_by_role("dialog")
    file = {"name": "it.zip", "mimeType": "application/zip", "buffer": b"no archive" * 9}
    dialog.get_by_label("a zip archive").set_input_files(file)
    expect(dialog.get_by_role("alert")).to_contain_text("This is no zip archive")
    dialog.get_by_role("button", name="Paste").click()
    dialog.get_by_label("plugin.toml").fill("name = ")
    dialog.get_by_role("button", name="See what it asks for").click()
    expect(dialog.get_by_role("alert")).to_contain_text("plugin.toml: is not TOML")
    expect(dialog.get_by_label("plugin.toml")).to_have_value("name = ")


def test_a_wrong_argument_is_told_and_a_failure_as_text(console, browsing):
    console.watch.forgive("400", "502")
    browsing.go(console, "plugins/clock?tool=clock.now")
    console.get_by_label("zone").fill("<b>Nowhere</b>")
    console.get_by_role("button", name="Call", exact=True).click()
    expect(console.get_by_role("alert")).to_contain_text("<b>Nowhere</b>")
    expect(console.get_by_label("What came of the call")).to_contain_text("It failed")


def test_a_plugin_that_died_too_often_is_released(console, browsing, daemon, tmp_path):
    folder = _made(tmp_path, "mortal", code=CODE)
    daemon.retinue("plugins", "load", str(folder), "--yes")
    browsing.go(console, "plugins/mortal")
    for _ in range(5):
        with pytest.raises(PluginError):
            daemon.client.post("/v1/tools/mortal.die/invoke", dict)
    expect(console.get_by_text("quarantined")).to_be_visible()
    expect(console.get_by_text("Last error:")).to_be_visible()
    console.get_by_role("button", name="Release from quarantine").click()
    expect(console.locator(".page-head .badge")).to_have_text("running")


def test_a_plugin_is_unloaded_and_its_grant_revoked(console, browsing, daemon, tmp_path):
    console.watch.forgive("404.*plugins/leaving")  # asked for once more before its page is left
    folder = _made(tmp_path, "leaving")
    daemon.retinue("plugins", "load", str(folder), "--yes")
    browsing.go(console, "plugins/leaving")
    console.get_by_role("button", name="Unload").click()
    dialog = console.get_by_role("dialog", name="Unload leaving?")
    dialog.get_by_label("Seconds").fill("0")
    dialog.get_by_role("button", name="Unload it").click()
    console.wait_for_url("**/#/plugins")
    assert "leaving" not in _loaded(daemon)
    dialog = _proposed(console, browsing, folder)
    expect(dialog).to_contain_text("This very content was approved before")
    dialog.get_by_role("button", name="Load it").click()
    console.get_by_role("button", name="Revoke its grant").click()
    dialog = console.get_by_role("dialog", name="Revoke the grant of leaving?")
    dialog.get_by_role("button", name="Revoke it").click()
    console.wait_for_url("**/#/plugins")
    dialog = _proposed(console, browsing, folder)
    expect(dialog.get_by_role("button", name="Approve and load")).to_be_visible()


def test_a_viewer_sees_plugins_and_calls_nothing(browsing):
    page = browsing.console("viewer", at="plugins")
    expect(page.get_by_role("button", name="Load a plugin")).to_be_disabled()
    page.get_by_role("link", name="clock.now").click()
    expect(page.get_by_text("This takes the role operator.").first).to_be_visible()
    expect(page.get_by_role("button", name="Call", exact=True)).to_have_count(0)


@pytest.mark.parametrize("width", [1440, 360])
def test_no_page_of_plugins_is_wider_than_the_window(browsing, width):
    page = browsing.console(width=width)
    for at in ("plugins", "plugins/files?tool=files.search", "plugins?do=load&from=paste"):
        browsing.go(page, at)
        page.locator(".card").first.wait_for()
        wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert page.evaluate(wide) == 0, at


def _proposed(page: Any, browsing: Any, folder: Path) -> Any:
    browsing.go(page, "plugins?do=load")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Folder").fill(str(folder))
    dialog.get_by_role("button", name="See what it asks for").click()
    dialog.get_by_text("It asks to").wait_for()
    return dialog


def _loaded(daemon: Any) -> dict[str, PluginView]:
    return {view.name: view for view in daemon.client.get("/v1/plugins", list[PluginView])}


def _made(tmp_path: Path, name: str, permissions: str = "", code: str = "") -> Path:
    folder = tmp_path / name
    command = [*RETINUE, "plugins", "new", name, "--into", str(folder)]
    subprocess.run(command, check=True, capture_output=True, timeout=30)
    with (folder / "plugin.toml").open("a") as manifest:
        manifest.write(permissions)
    if code:
        (folder / f"{name}_plugin.py").write_text(code)
    return folder


def _manifest(name: str) -> str:
    return f'name = "{name}"\nversion = "1.0"\nentry = "{name}_plugin"\n'
