"""Requests made up from the API's own description, right ones and wrong ones, against a real server."""

from __future__ import annotations

import os
import subprocess
import sysconfig
from pathlib import Path

import pytest

from retinue.bus.views import StatusView
from retinue.kernel.api_config import ApiConfig
from retinue.kernel.config import Config

from .conftest import serving

ST = Path(sysconfig.get_path("scripts"), "schemathesis")
LONG = os.environ.get("RETINUE_SCHEMATHESIS") == "long"
"""A few thousand requests instead of a few hundred: minutes."""
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
]
# Streams go on for as long as one reads: they have tests of their own.
_FOLLOWS = "^/v1/events$"


@pytest.mark.slow
def test_no_made_up_request_gets_a_5xx_or_an_answer_that_is_not_described(tmp_path, missing):
    if not ST.exists():
        missing("schemathesis", "pip install schemathesis")
    config = Config(api=ApiConfig(rate=100_000))
    with serving(
        tmp_path, tcp="127.0.0.1:0", config=config, state_dir=tmp_path / "state"
    ) as served:
        served.talk()
        said = subprocess.run(
            [
                str(ST),
                "run",
                f"http://{served.server.address}/openapi.json",
                *("--header", f"Authorization: {served.bearer('admin')}"),
                *("--checks", ",".join(CHECKS)),
                *("--phases", "coverage,fuzzing" if LONG else "fuzzing"),
                *("--max-examples", "50" if LONG else "4"),
                *("--seed", "1"),
                *("--exclude-path-regex", _FOLLOWS),
                *("--request-timeout", "20"),
                "--continue-on-failure",
                "--no-color",
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=1200 if LONG else 50,
            check=False,
        )
        assert said.returncode == 0, said.stdout[-6000:] + said.stderr[-2000:]
        assert served.client.get("/v1/status", StatusView).state == "running"
