"""Who gets in over TCP, as what, until when, and what is written down about those who do not."""

from __future__ import annotations

import http.client
import json
import re
import socket
import stat
import threading

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from retinue.bus.clock import ManualClock
from retinue.bus.errors import InvalidInput, NotFound
from retinue.bus.journal import Filter
from retinue.kernel.api.router import Route
from retinue.kernel.api.table import table
from retinue.kernel.api_config import ApiConfig
from retinue.kernel.config import Config
from retinue.kernel.tokens import ROLES, TokenFile, rank

from .conftest import Sent, serving


@pytest.fixture(scope="module")
def reached(tmp_path_factory):
    """A kernel that is reached over TCP with tokens; its tests leave it as it is."""
    config = Config(api=ApiConfig(rate=100_000))
    with serving(tmp_path_factory.mktemp("tcp"), tcp="127.0.0.1:0", config=config) as served:
        served.talk()
        yield served


ROUTES = [
    ("GET", "/v1/status", "viewer"),
    ("GET", "/readyz", "viewer"),
    ("GET", "/metrics", "viewer"),
    ("GET", "/openapi.json", "viewer"),
    ("GET", "/v1/me", "viewer"),
    ("GET", "/v1/tasks", "viewer"),
    ("GET", "/v1/runs", "viewer"),
    ("GET", "/v1/agents", "viewer"),
    ("GET", "/v1/plugins", "viewer"),
    ("GET", "/v1/approvals", "viewer"),
    ("GET", "/v1/events/1", "viewer"),
    ("GET", "/v1/events?follow=false", "viewer"),
    ("GET", "/v1/journal", "viewer"),
    ("GET", "/v1/journal/events", "viewer"),
    ("GET", "/v1/elements", "viewer"),
    ("GET", "/v1/progressions", "viewer"),
    ("GET", "/v1/dead", "viewer"),
    ("GET", "/v1/actors", "viewer"),
    ("GET", "/v1/scheduler", "viewer"),
    ("GET", "/v1/policy", "viewer"),
    ("GET", "/v1/process", "viewer"),
    ("POST", "/v1/policy/explain", "viewer"),
    ("POST", "/v1/tickets", "viewer"),
    ("POST", "/v1/tasks", "operator"),
    ("POST", "/v1/tasks/t-0/cancel", "operator"),
    ("POST", "/v1/tasks/t-0/retry", "operator"),
    ("POST", "/v1/runs/r-0/cancel", "operator"),
    ("POST", "/v1/runs/r-0/retry", "operator"),
    ("POST", "/v1/runs/r-0/fork", "operator"),
    ("POST", "/v1/elements", "operator"),
    ("POST", "/v1/progressions", "operator"),
    ("POST", "/v1/progressions/p-0/append", "operator"),
    ("POST", "/v1/dead/d-0/redrive", "operator"),
    ("POST", "/v1/dead/d-0/purge", "operator"),
    ("POST", "/v1/approvals/a-0/grant", "operator"),
    ("POST", "/v1/approvals/a-0/deny", "operator"),
    ("POST", "/v1/tools/none.such/invoke", "operator"),
    ("GET", "/v1/doctor", "admin"),
    ("POST", "/v1/agents", "admin"),
    ("DELETE", "/v1/agents/nobody", "admin"),
    ("POST", "/v1/plugins", "admin"),
    ("POST", "/v1/plugins/propose", "admin"),
    ("POST", "/v1/plugins/upload", "admin"),
    ("DELETE", "/v1/plugins/nothing", "admin"),
    ("DELETE", "/v1/plugins/nothing/grant", "admin"),
    ("POST", "/v1/plugins/nothing/release", "admin"),
    ("POST", "/v1/scheduler", "admin"),
    ("POST", "/v1/stop", "admin"),
    ("POST", "/v1/journal/trim", "admin"),
    ("POST", "/v1/journal/readers/x", "admin"),
    ("DELETE", "/v1/journal/readers/x", "admin"),
]


PUBLIC = {"/healthz", "/v1/sessions", "/reference", "/reference.css"}
"""A session takes a ticket; the others tell nothing of the kernel."""


@pytest.mark.parametrize("role", ["nobody", *ROLES])
@pytest.mark.parametrize(("method", "path", "needed"), ROUTES)
def test_each_route_lets_in_the_roles_it_needs_and_no_other(reached, method, path, needed, role):
    headers = {} if role == "nobody" else {"Authorization": reached.bearer(role)}
    body = None if method != "POST" else b'{"unknown": 1}'  # so that nothing is done
    status, _ = _asked(reached, method, path, body, **headers)
    if role == "nobody":
        assert status == 401
    elif rank(role) < rank(needed):
        assert status == 403
    else:
        assert status not in (401, 403)
    assert not reached.stops or (role, path) == ("admin", "/v1/stop")


def test_every_route_there_is_stands_in_the_table_above(reached):
    routes = table(reached.server.shared)
    known = {(method, _bare(path)): role for method, path, role in ROUTES}
    for route in routes:
        shown = next(
            (r for (m, p), r in known.items() if m == route.method and _fits(route, p)), None
        )
        expected = "viewer" if route.method == "GET" else None
        if route.path in PUBLIC:
            assert route.role == "public"
        else:
            assert route.role == (shown or expected), f"{route.method} {route.path}"


def test_a_route_without_a_role_is_an_admins():
    assert Route("GET", "/v1/secret", lambda call: None).role == "admin"


def test_without_a_token_only_the_health_is_told(reached):
    assert _asked(reached, "GET", "/healthz")[0] == 200
    for path in ("/v1/status", "/v1/nothing", "/nothing"):
        status, problem = _asked(reached, "GET", path)
        assert (status, "retinue tokens create" in problem["detail"]) == (401, True)


@pytest.mark.parametrize(
    "shown",
    [
        "Bearer",
        "Bearer ",
        "Bearer rtn_wrong",
        "Basic cm9vdDpyb290",
        "rtn_wrong",
        "Bearer " + "x" * 9000,
    ],
)
def test_what_is_no_token_of_this_kernel_is_refused(reached, shown):
    status, _ = _asked(reached, "GET", "/v1/status", Authorization=shown)
    assert status == 401
    assert _asked(reached, "GET", "/healthz", Authorization=shown)[0] == 401


def test_a_token_is_no_good_in_a_url(reached):
    token = reached.bearer("admin").removeprefix("Bearer ")
    for name in ("token", "access_token", "ticket", "authorization"):
        assert _asked(reached, "GET", f"/v1/status?{name}={token}")[0] == 401


def test_a_revoked_token_lets_nobody_in(reached):
    secret = reached.tokens.create("short", "viewer")
    headers = {"Authorization": f"Bearer {secret}"}
    assert _asked(reached, "GET", "/v1/me", **headers)[1]["name"] == "short"
    reached.tokens.revoke("short")
    assert _asked(reached, "GET", "/v1/me", **headers)[0] == 401


def test_only_the_digest_of_a_token_is_kept_and_for_its_owner_alone(tmp_path):
    tokens = TokenFile(tmp_path)
    secret = tokens.create("ci", "operator")
    assert secret not in tokens.path.read_text()
    assert len(secret) >= 43
    assert stat.S_IMODE(tokens.path.stat().st_mode) == 0o600
    assert [(view.name, view.role, view.state) for view in tokens.views()] == [
        ("ci", "operator", "valid")
    ]
    assert tokens.find(secret).name == "ci"
    assert tokens.find(secret[:-1]) is None


def test_a_token_ends_when_its_time_is_over(tmp_path):
    clock = ManualClock()
    tokens = TokenFile(tmp_path, clock)
    secret = tokens.create("ci", "viewer", lasting=60)
    assert tokens.find(secret)
    clock.advance(61)
    assert tokens.find(secret) is None
    assert tokens.views()[0].state == "expired"
    assert tokens.create("ci", "viewer")


def test_a_name_is_one_tokens_alone(tmp_path):
    tokens = TokenFile(tmp_path)
    tokens.create("ci", "viewer")
    with pytest.raises(InvalidInput, match="'ci' already"):
        tokens.create("ci", "admin")
    with pytest.raises(InvalidInput, match="cannot be called"):
        tokens.create("../ci", "admin")
    with pytest.raises(NotFound, match="retinue tokens list"):
        tokens.revoke("other")


def test_tokens_that_are_made_at_once_are_all_kept(tmp_path):
    def make(number):
        TokenFile(tmp_path).create(f"n{number}", "viewer")

    threads = [threading.Thread(target=make, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert {view.name for view in TokenFile(tmp_path).views()} == {f"n{n}" for n in range(16)}


def test_a_spoilt_file_of_tokens_lets_nobody_in(tmp_path):
    with serving(tmp_path, tcp="127.0.0.1:0") as served:
        bearer = served.bearer("admin")
        served.tokens.path.write_text("{")
        assert _asked(served, "GET", "/v1/status", Authorization=bearer)[0] == 401


@pytest.mark.parametrize("how", ["revoked", "expired"])
def test_an_open_stream_ends_when_its_token_no_longer_counts(reached, how):
    lasting = None if how == "revoked" else 0.7
    secret = reached.tokens.create(f"stream-{how}", "viewer", lasting)
    address = reached.server.address
    connection = http.client.HTTPConnection(address, timeout=10)
    with Sent(connection, "/v1/events?from=1", {"Authorization": f"Bearer {secret}"}) as sent:
        blocks = sent.blocks()
        assert next(blocks)
        if how == "revoked":
            reached.tokens.revoke(f"stream-{how}")
        rest = list(blocks)
    assert rest[-1]["event"] == "problem"
    assert "expired or was revoked" in rest[-1]["data"]


def test_an_open_socket_ends_when_its_token_no_longer_counts(reached):
    secret = reached.tokens.create("socket", "viewer")
    headers = {"Authorization": f"Bearer {secret}"}
    url = f"ws://{reached.server.address}/events"
    with connect(url, additional_headers=headers) as client:
        reached.tokens.revoke("socket")
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(10)
    assert closed.value.rcvd.code == 1008
    assert "revoked" in closed.value.rcvd.reason


def test_a_stream_whose_token_counts_goes_on(reached):
    address = reached.server.address
    connection = http.client.HTTPConnection(address, timeout=10)
    path = "/v1/events?from=now&heartbeat=1"
    with Sent(connection, path, {"Authorization": reached.bearer()}) as sent:
        beats = [block for _, block in zip(range(2), sent.blocks(), strict=False)]
    assert len(beats) == 2


def test_a_ticket_lets_in_once_at_its_path(reached):
    ticket = _ticket(reached, "/v1/events")
    path = f"/v1/events?follow=false&from=1&to=2&ticket={ticket}"
    assert _status(reached, "GET", path) == 200
    assert _status(reached, "GET", path) == 401
    assert _status(reached, "GET", f"/v1/status?ticket={_ticket(reached, '/v1/events')}") == 401
    url = f"ws://{reached.server.address}/ws/orchestrator?from=start&ticket="
    with connect(url + _ticket(reached, "/ws/orchestrator")) as client:
        assert client.recv(10)
    with pytest.raises(InvalidStatus) as refused, connect(url + "made-up"):
        pass
    assert refused.value.response.status_code == 401


def test_a_ticket_is_good_for_thirty_seconds(tmp_path):
    clock = ManualClock()
    with serving(tmp_path, tcp="127.0.0.1:0", clock=clock) as served:
        ticket = _ticket(served, "/v1/me")
        clock.advance(31)
        assert _status(served, "GET", f"/v1/me?ticket={ticket}") == 401
        ticket = _ticket(served, "/v1/me")
        clock.advance(29)
        assert _status(served, "GET", f"/v1/me?ticket={ticket}") == 200


def test_a_ticket_gives_no_more_than_whoever_asked_for_it_has(reached):
    given = {"Authorization": reached.bearer("viewer")}
    status, _ = _asked(reached, "POST", "/v1/tickets", {"path": "/v1/me", "role": "admin"}, **given)
    assert status == 403
    given = {"Authorization": reached.bearer("admin")}
    body = {"path": "/v1/me", "role": "viewer"}
    _, made = _asked(reached, "POST", "/v1/tickets", body, **given)
    assert _asked(reached, "GET", f"/v1/me?ticket={made['ticket']}")[1]["role"] == "viewer"


def test_a_session_of_the_console_takes_a_ticket_of_the_owner(reached):
    made = reached.client.post("/v1/tickets", dict, {"path": "/v1/sessions", "role": "operator"})
    body = {"ticket": made["ticket"]}
    status, session = _asked(reached, "POST", "/v1/sessions", body)
    assert (status, session["role"]) == (201, "operator")
    assert _asked(reached, "POST", "/v1/sessions", body)[0] == 400
    given = {"Authorization": f"Bearer {session['token']}"}
    assert _asked(reached, "GET", "/v1/me", **given)[1]["name"] == session["name"]
    assert _asked(reached, "POST", "/v1/stop", {}, **given)[0] == 403
    stolen = {"ticket": _ticket(reached, "/v1/sessions")}
    assert _asked(reached, "POST", "/v1/sessions", stolen)[0] == 400


def test_observers_without_a_token_read_the_dialects_unless_it_is_forbidden(reached, tmp_path):
    with connect(f"ws://{reached.server.address}/events?from=start") as client:
        assert client.recv(10)
    config = Config(api=ApiConfig(open_observers=False))
    with serving(tmp_path, tcp="127.0.0.1:0", config=config) as served:
        url = f"ws://{served.server.address}/events"
        with pytest.raises(InvalidStatus) as refused, connect(url):
            pass
        assert refused.value.response.status_code == 401
        with connect(url, additional_headers={"Authorization": served.bearer()}):
            pass


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, False),
        ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, True),
        ({"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}, True),
        ({"Origin": "http://evil.example"}, False),
        ({"Origin": "null"}, False),
        ({"Host": "rebound.example"}, False),
    ],
)
def test_a_page_of_another_site_cannot_use_a_token_it_should_not_have(reached, headers, allowed):
    given = {"Authorization": reached.bearer("admin"), **headers}
    status, _ = _asked(reached, "GET", "/v1/status", **given)
    assert status == (200 if allowed else 403)


def test_answers_allow_no_script_and_no_other_site(reached):
    connection = http.client.HTTPConnection(reached.server.address, timeout=10)
    for path in ("/healthz", "/v1/status"):
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Set-Cookie" not in answer.headers
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_every_refusal_is_an_event_summed_up_by_rule(tmp_path, wait_until):
    with serving(tmp_path, tcp="127.0.0.1:0") as served:
        for _ in range(5):
            _asked(served, "GET", "/v1/status")
        _asked(served, "GET", "/v1/status", Host="evil.example")
        _asked(served, "POST", "/v1/stop", {}, Authorization=served.bearer("viewer"))
        only = Filter(types=("security.denied",))
        store = served.kernel.feed.store
        wait_until(lambda: len(list(store.read(0, only))) >= 3)
        told = [json.loads(event.envelope.body) for event in store.read(0, only)]
    by_rule = {}
    for one in told:
        by_rule[one["rule"]] = by_rule.get(one["rule"], 0) + one.get("count", 1)
    assert by_rule == {"token": 5, "host": 1, "role": 1}
    assert {one["layer"] for one in told} == {"api"}
    assert next(o for o in told if o["rule"] == "role")["principals"] == ["token:viewer-of-tests"]


def test_no_token_is_in_the_events_or_the_log(tmp_path, caplog, wait_until):
    with serving(tmp_path, tcp="127.0.0.1:0") as served:
        secret = served.bearer("viewer").removeprefix("Bearer ")
        for path in ("/v1/stop", f"/v1/status?token={secret}"):
            _asked(served, "GET", path, Authorization="Bearer " + secret + "x")
        only = Filter(types=("security.denied",))
        wait_until(lambda: list(served.kernel.feed.store.read(0, only)))
        events = [event.envelope.body for event in served.kernel.feed.store.read(0)]
    assert not [body for body in events if secret.encode() in body]
    assert secret not in caplog.text


def test_who_asks_too_often_is_told_to_wait_and_others_are_not(tmp_path):
    with serving(
        tmp_path, tcp="127.0.0.1:0", config=Config(api=ApiConfig(rate=1)), clock=ManualClock()
    ) as served:
        given = {"Authorization": served.bearer("viewer")}
        assert [_status(served, "GET", "/v1/me", **given) for _ in range(3)] == [200, 200, 429]
        other = {"Authorization": served.bearer("operator")}
        assert _status(served, "GET", "/v1/me", **other) == 200
        assert served.client.get("/v1/me", dict)["name"] == "owner"


def test_connections_over_the_bound_are_cut_and_the_owner_is_served(tmp_path):
    with serving(
        tmp_path, tcp="127.0.0.1:0", config=Config(api=ApiConfig(connections=50))
    ) as served:
        host, port = served.server.address.split(":")
        idle = [socket.create_connection((host, int(port)), timeout=5) for _ in range(80)]
        try:
            cut = [one for one in idle[50:] if one.recv(1) == b""]
            assert len(cut) == 30
            assert served.client.get("/healthz", dict)["ok"]
        finally:
            for one in idle:
                one.close()


def _bare(path):
    return path.partition("?")[0]


def _fits(route, path):
    return re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", route.path), path)


def _ticket(served, path):
    given = {"Authorization": served.bearer()}
    status, made = _asked(served, "POST", "/v1/tickets", {"path": path}, **given)
    assert status == 201, made
    return made["ticket"]


def _status(served, method, path, **headers):
    return _asked(served, method, path, **headers)[0]


def _asked(served, method, path, body=None, **headers):
    connection = http.client.HTTPConnection(served.server.address, timeout=30)
    data = body if isinstance(body, bytes) or body is None else json.dumps(body)
    connection.request(method, path, data, headers=headers)
    answer = connection.getresponse()
    said = answer.read()
    connection.close()
    try:
        return answer.status, json.loads(said)
    except ValueError:
        return answer.status, said
