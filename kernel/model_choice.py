"""Which language models a kernel has, from its configuration. None is made until it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

from retinue.bus.errors import ConfigError, Unavailable
from retinue.plugins.llm.model import ChatModel

from .config import Config, EndpointConfig

__all__ = ["factories"]


def factories(
    config: Config,
    environ: Mapping[str, str],
    given: Mapping[str, ChatModel | Callable[[], ChatModel]],
) -> dict[str, Callable[[], ChatModel]]:
    """Ways to each model: ``auto``, ``local``, ``openai``, ``none``, the endpoints, and ``given``."""
    models = config.models

    def local() -> ChatModel:
        from retinue.plugins.llm.local import LocalModel

        return LocalModel(threads=models.threads)

    def openai() -> ChatModel:
        from retinue.plugins.llm.openai import OpenAIModel

        return OpenAIModel.from_environment(environ)

    def none() -> ChatModel:
        raise Unavailable("models.default is none: give the agent a model, or configure one")

    made: dict[str, Callable[[], ChatModel]] = {
        "auto": openai if environ.get("OPENAI_BASE_URL") else local,
        "local": local,
        "openai": openai,
        "none": none,
    }
    for name, endpoint in models.endpoints.items():
        made[name] = _endpoint(name, endpoint, environ)
    for name, model in given.items():
        made[name] = _always(model)
    return made


def _endpoint(
    name: str, endpoint: EndpointConfig, environ: Mapping[str, str]
) -> Callable[[], ChatModel]:
    def make() -> ChatModel:
        from retinue.plugins.llm.openai import OpenAIModel

        key = environ.get(endpoint.api_key_env)
        if not key:
            raise ConfigError(
                f"model {name!r}: {endpoint.api_key_env} is not set in the environment"
            )
        return OpenAIModel(endpoint.model, api_key=key, base_url=endpoint.base_url)

    return make


def _always(model: ChatModel | Callable[[], ChatModel]) -> Callable[[], ChatModel]:
    if hasattr(model, "stream"):
        ready = cast("ChatModel", model)
        return lambda: ready
    return model
