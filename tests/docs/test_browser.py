"""The page's code for browsers, in a real one: it watches a real daemon with tickets."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from websockets.sync.client import connect

from retinue.kernel.client import Client
from retinue.kernel.tokens import TokenFile

from .examples import blocks

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/how-to/watch-over-http.md"
NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def daemon():
    """A daemon at whose dialects nobody looks without a token; its address, client and tokens."""
    with tempfile.TemporaryDirectory(prefix="docs-") as folder:
        command = [sys.executable, "-P", "-c", "from retinue.kernel.cli import main; main()"]
        flags = ["--state-dir", folder, "--redis", "none", "--listen", "127.0.0.1:0", "--json"]
        kept = {k: v for k, v in os.environ.items() if not k.startswith("RETINUE_")}
        process = subprocess.Popen(
            [*command, "run", *flags],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**kept, "XDG_CONFIG_HOME": folder, "RETINUE_API_OPEN_OBSERVERS": "false"},
        )
        try:
            url = json.loads(process.stdout.readline())["url"]
            yield url, Client(f"{folder}/retinue.sock"), TokenFile(Path(folder))
        finally:
            process.terminate()
            process.communicate(timeout=30)


@pytest.fixture(scope="module")
def browser(missing):
    """A headless browser; ``None`` never: without one the tests are skipped."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        missing("Chromium", "apt-get install chromium")
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as folder:
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"]
        process = subprocess.Popen(
            [found, *flags, f"--user-data-dir={folder}", "about:blank"],
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            line = next(line for line in process.stderr if "listening on" in line)
            with connect(line.split()[-1], max_size=None) as socket:
                yield Browser(socket)
        finally:
            process.kill()
            process.communicate(timeout=30)


class Browser:
    """One tab, spoken to as developers' tools do."""

    def __init__(self, socket):
        self._socket = socket
        self._numbers = itertools.count(1)
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        attached = self.ask("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        self.ask("Page.enable", self._session)

    def open(self, url):
        """Go there, and wait until the page is loaded."""
        self.ask("Page.navigate", self._session, url=url)
        while json.loads(self._socket.recv(30)).get("method") != "Page.loadEventFired":
            pass

    def run(self, code):
        """What the code's promise gives; raises what it threw."""
        given = {"expression": code, "awaitPromise": True, "returnByValue": True}
        found = self.ask("Runtime.evaluate", self._session, **given)
        if "exceptionDetails" in found:
            raise AssertionError(found["exceptionDetails"]["exception"]["description"])
        return found["result"].get("value")

    def ask(self, method, session=None, **params):
        number = next(self._numbers)
        asked = {"id": number, "method": method, "params": params}
        self._socket.send(json.dumps(asked | ({"sessionId": session} if session else {})))
        while (answer := json.loads(self._socket.recv(30))).get("id") != number:
            pass
        return answer["result"]


@pytest.fixture
def page(daemon, browser):
    """A page of the daemon's address, with the code of the document in it, and a viewer's token."""
    url, client, tokens = daemon
    browser.open(f"{url}/healthz")
    [code] = [block.text for block in blocks(PAGE, ROOT) if block.file == "watch.js"]
    secret = tokens.create(f"page-{len(tokens.tokens())}", "viewer")
    browser.run(f"{code}\nglobalThis.token = {json.dumps(secret)}; 0")
    return browser, client, tokens


def test_a_page_watches_a_run_over_a_websocket(page):
    browser, client, _ = page
    task = client.submit("echo", {"text": "hi"}, wait=30)
    seen = browser.run(
        f"""new Promise((done) => watchRun("{task.run}", token, (told) => {{
          if (told.type === "state_update" && told.state.status === "succeeded") done(told);
        }}))"""
    )
    assert seen["state"]["completed_agents"] == ["echo"]


def test_a_page_follows_events(page):
    browser, client, _ = page
    task = client.submit("echo", {"text": "hi"}, wait=30)
    seen = browser.run(
        f"""new Promise((done) => watchEvents("run.*", token, (event) => {{
          if (event.run === "{task.run}" && event.type === "run.succeeded") done(event);
        }}))"""
    )
    assert seen["type"] == "run.succeeded"


def test_a_page_is_told_that_its_token_no_longer_counts(page):
    browser, client, tokens = page
    task = client.submit("echo", {"text": "hi"}, wait=30)
    browser.run(
        f"""watchRun("{task.run}", token, () => 0).then((socket) => {{
          globalThis.parting = new Promise((done) => socket.addEventListener("close", done));
          return new Promise((done) => (socket.onopen = () => done(0)));
        }})"""
    )
    tokens.revoke(tokens.tokens()[-1].name)
    assert browser.run("parting.then((event) => event.code)") == 1008
    with pytest.raises(AssertionError, match="not known, was revoked, or has expired"):
        browser.run("ticket('/events', token)")


def test_a_ticket_is_good_once_and_at_its_path_alone(page):
    browser, _, _ = page
    code = """(async () => {
      const given = await ticket("/events", token);
      const open = (path) => new Promise((done) => {
        const socket = new WebSocket(`${location.origin.replace("http", "ws")}${path}?ticket=${given}`);
        socket.onopen = () => done(true);
        socket.onerror = () => done(false);
      });
      return [await open("/events"), await open("/events"), await open("/ws/orchestrator")];
    })()"""
    assert browser.run(code) == [True, False, False]
