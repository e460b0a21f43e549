"""The API's description: valid, complete, and what is served."""

from __future__ import annotations

import http.client
import json
from pathlib import Path

import msgspec
from openapi_spec_validator import validate

from retinue.kernel.api.table import described
from retinue.kernel.unix_socket import connect

ROOT = Path(__file__).parents[2]


def test_the_document_is_valid_openapi():
    document = _plain(described())
    validate(document)
    assert document["openapi"] == "3.1.0"


def test_the_document_that_is_served_is_the_one_in_the_reference(standing):
    served = standing.client.get("/openapi.json", dict)
    assert served == _plain(described())
    assert json.loads((ROOT / "docs/reference/openapi.json").read_text()) == served


def test_every_operation_says_what_it_takes_and_gives():
    document = _plain(described())
    names = []
    for path, methods in document["paths"].items():
        for method, told in methods.items():
            names.append(told["operationId"])
            where = f"{method} {path}"
            assert told["summary"], where
            assert told["x-role"] in ("public", "viewer", "operator", "admin"), where
            good = [code for code in told["responses"] if code.startswith("2")]
            assert good, where
            for code in good:
                for content in told["responses"][code]["content"].values():
                    assert content["schema"] != {}, where
    assert len(names) == len(set(names))


def test_the_reference_needs_no_other_site_and_no_script(standing):
    connection = http.client.HTTPConnection("localhost")
    connection.sock = connect(standing.path, 10)
    connection.request("GET", "/reference")
    page = connection.getresponse().read().decode()
    for bad in ("http://", "https://", "<script", "style="):
        assert bad not in page
    for path in described()["paths"]:
        assert path in page
    connection.close()


def _plain(document):
    return json.loads(msgspec.json.encode(document))
