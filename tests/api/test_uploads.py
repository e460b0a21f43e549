"""Plugins whose files come with the request."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from retinue.bus.errors import Denied, InvalidInput, PluginError
from retinue.bus.views import PluginProposal, PluginView

MANIFEST = 'name = "sent"\nversion = "1.0"\nentry = "sent_plugin"\n'
CODE = '''
from retinue.plugins import tool

@tool
async def double(n: int) -> int:
    """Twice as much."""
    return 2 * n
'''
FILES = {"plugin.toml": MANIFEST, "sent_plugin.py": CODE}


def test_a_plugin_is_sent_shown_approved_and_called(served):
    proposal = _upload(served, files=FILES)
    assert (proposal["name"], proposal["granted"]) == ("sent", False)
    assert served.kernel.plugins() != []
    with pytest.raises(Denied, match="not approved"):
        served.client.post("/v1/plugins", PluginView, {"path": proposal["path"]})
    body = {"path": proposal["path"], "approve": proposal["digest"]}
    loaded = served.client.post("/v1/plugins", PluginView, body)
    assert loaded.digest == proposal["digest"]
    answer = served.client.post("/v1/tools/sent.double/invoke", dict, {"args": {"n": 21}})
    assert answer["result"] == 42


def test_the_same_files_have_the_same_digest_as_their_folder(served, tmp_path):
    folder = tmp_path / "sent"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text)
    proposed = served.client.post("/v1/plugins/propose", PluginProposal, {"path": str(folder)})
    encoded = {name: base64.b64encode(text.encode()).decode() for name, text in FILES.items()}
    assert _upload(served, files=FILES)["digest"] == proposed.digest
    assert _upload(served, encoded=encoded)["digest"] == proposed.digest


@pytest.mark.parametrize(
    "path",
    [
        *("../evil.py", "/etc/evil.py", "a//b.py", "a/../../b.py", "./a.py", "", "a/"),
        *("a\0b", "a\nb", "sitecustomize.py", "x.pth", "é.py", "/".join("a" * 40)),
    ],
)
def test_a_path_that_leads_elsewhere_is_refused(served, path):
    with pytest.raises(PluginError, match="the files that were sent"):
        _upload(served, files={**FILES, path: "x = 1"})
    assert _left_over(served) == []


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "has no plugin.toml"),
        ({"plugin.toml": "name ="}, "plugin.toml"),
        ({**FILES, "A.py": "", "a.py": ""}, "differ in case only"),
        ({**FILES, "a": "", "a/b.py": ""}, "a file and a folder"),
        ({**FILES, **{f"f{n}.py": "" for n in range(1001)}}, "over 1,000 files"),
    ],
)
def test_what_no_folder_may_be_is_refused_and_leaves_nothing(served, files, said):
    with pytest.raises(PluginError, match=said) as caught:
        _upload(served, files=files)
    assert "/" not in str(caught.value).replace("a/b.py", "")
    assert _left_over(served) == []


def test_files_beyond_the_limit_of_requests_are_refused(served):
    with pytest.raises(InvalidInput, match=r"limits\.input_bytes"):
        _upload(served, files={**FILES, "data.txt": "x" * (2 << 20)})


def test_a_file_that_names_its_interpreter_may_be_executed(served):
    folder = Path(_upload(served, files={**FILES, "run.sh": "#!/bin/sh\n"})["path"])
    assert (folder / "run.sh").stat().st_mode & 0o777 == 0o555
    assert (folder / "sent_plugin.py").stat().st_mode & 0o777 == 0o444


def _upload(served: Any, **body: Any) -> dict[str, Any]:
    answer: dict[str, Any] = served.client.post("/v1/plugins/upload", dict, body)
    return answer


def _left_over(served: Any) -> list[str]:
    store = Path(_upload(served, files=FILES)["path"]).parent
    return [path.name for path in store.iterdir() if path.name.startswith(".")]
