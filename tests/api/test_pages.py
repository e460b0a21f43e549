"""A full list of runs: read a page at a time, at the same cost for each page."""

from __future__ import annotations

import http.client
import json
import re

import pytest
from msgspec import Raw

from retinue.actors.tasks import Task

from .conftest import _Unix, serving

MANY, PAGE = 5_000, 100


class Counted(dict):
    """Counts what is read of it one by one; whoever copies it whole is refused."""

    reads = 0

    def get(self, key, default=None):
        self.reads += 1
        return super().get(key, default)

    def values(self):
        raise AssertionError("the whole list was read")

    items = __iter__ = values


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """A kernel that knows of 5,000 runs, every tenth of them another agent's."""
    with serving(tmp_path_factory.mktemp("full")) as served:
        table = served.kernel._live.table
        for number in range(MANY):
            agent = "talker" if number % 10 == 0 else "shout"
            names = (f"t-{number}", f"r-{number}", agent, "")
            table.add(Task(*names, Raw(b"{}"), 5, "", "", 1, None, None, 0.0))
            table.end(table.tasks[f"t-{number}"], "succeeded", 0.0)
        yield served


@pytest.fixture
def counted(full, monkeypatch):
    """The runs of the table, and how often one of them was read."""
    table = full.kernel._live.table
    for name in ("runs", "tasks"):
        monkeypatch.setattr(table, name, Counted(getattr(table, name)))
    return table


@pytest.mark.parametrize("kind", ["runs", "tasks"])
def test_each_page_reads_as_many_rows_as_it_has(full, counted, kind):
    seen, costs = [], []
    path = f"/v1/{kind}?limit={PAGE}"
    rows = getattr(counted, kind)
    while path:
        before = rows.reads
        found, path = _page(full, path)
        seen += [int(one["id"][2:]) for one in found]
        costs.append(rows.reads - before)
    assert seen == [*range(MANY - 1, -1, -1)]
    assert costs == [PAGE] * (MANY // PAGE) + [0]


def test_pages_of_a_filtered_list_read_each_row_once_in_all(full, counted):
    seen = []
    path = f"/v1/runs?agent=talker&state=succeeded&limit={PAGE}"
    while path:
        found, path = _page(full, path)
        seen += [int(one["id"][2:]) for one in found]
    assert seen == [*range(MANY - 10, -1, -10)]
    assert counted.runs.reads == MANY


def test_the_status_reads_no_row(full, counted):
    assert full.client.get("/v1/status", dict)["runs"] == 0
    assert counted.runs.reads == 0


def _page(served, path):
    connection = _Unix(served.path)
    connection.request("GET", path)
    answer: http.client.HTTPResponse = connection.getresponse()
    found = json.load(answer)
    assert answer.status == 200, found
    link = re.match(r'<(.*)>; rel="next"', answer.getheader("link") or "")
    connection.close()
    return found, link and link[1]
