"""Where settings come from: defaults < file < environment < flags, and which of them won."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, get_args, get_origin

import msgspec

from retinue.bus.errors import ConfigError
from retinue.bus.redis.address import parse
from retinue.bus.topics import Rule

from .config import Config
from .config_rules import child, is_table, leaves, nearest, rule
from .masking import masked
from .redis_access import access_of

__all__ = ["DAEMON_DEFAULTS", "Origins", "Setting", "default_file", "explain", "load"]

Origins = dict[str, str]
"""Which source each dotted name came from: ``default``, a file, a variable or a flag."""

DAEMON_DEFAULTS: Mapping[str, Any] = {"redis": "auto"}
"""A daemon looks for a Redis of its own accord; an embedded kernel starts no process unasked."""

_PREFIX = "RETINUE_"
_NOT_SETTINGS = frozenset({"RETINUE_CONFIG", "RETINUE_URL", "RETINUE_TOKEN", "RETINUE_CA"})


class Setting(NamedTuple):
    """One setting as it is shown: secrets are masked."""

    name: str
    value: Any
    origin: str


class _Given(NamedTuple):
    name: str
    value: Any
    origin: str
    text: bool = False


def load(
    *,
    file: Path | None = None,
    environ: Mapping[str, str] = os.environ,
    flags: Mapping[str, Any] | None = None,
    defaults: Mapping[str, Any] = DAEMON_DEFAULTS,
) -> tuple[Config, Origins]:
    """The configuration that holds, and the origin of every setting that is not a default.

    ``file`` is refused when it is missing; without it ``$RETINUE_CONFIG`` counts the same, and
    the file in ``$XDG_CONFIG_HOME`` is read when it is there. ``flags`` maps dotted names to
    values; ``None`` is a flag that was not given. Raises ``ConfigError`` that names the source,
    the key and the rule.
    """
    given = [_Given(name, value, "default") for name, value in defaults.items()]
    given += _from_file(file, environ)
    given += _from_environment(environ)
    given += _from_flags(flags or {})
    values = {g.name: _converted(g) for g in given}
    origins = {g.name: g.origin for g in given if g.origin != "default"}
    return _built(values, origins), origins


def default_file(environ: Mapping[str, str]) -> Path:
    """``$XDG_CONFIG_HOME/retinue/config.toml``, by default under ``~/.config``."""
    home = environ.get("XDG_CONFIG_HOME") or str(
        Path(environ.get("HOME") or Path.home(), ".config")
    )
    return Path(home) / "retinue" / "config.toml"


def explain(config: Config, origins: Origins) -> list[Setting]:
    """Every setting in the order of ``Config``, with where it came from and secrets masked."""
    return [
        Setting(name, masked(name, value), origins.get(name, "default"))
        for name, value in _flat(msgspec.to_builtins(config))
    ]


def _from_file(file: Path | None, environ: Mapping[str, str]) -> Iterator[_Given]:
    named = file or (Path(environ["RETINUE_CONFIG"]) if environ.get("RETINUE_CONFIG") else None)
    path = named or default_file(environ)
    if named is None and not path.is_file():
        return
    yield from _walk(_toml(path), Config, "", str(path))


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"cannot read the configuration file {path}: {error.strerror}; see --config"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from error


def _walk(table: Mapping[str, Any], kind: Any, prefix: str, origin: str) -> Iterator[_Given]:
    for key, value in table.items():
        name = prefix + key
        inner = child(kind, key)
        if inner is None:
            raise _unknown(name, origin)
        if not is_table(inner):
            yield _Given(name, value, origin)
        elif isinstance(value, dict):
            yield from _walk(value, inner, name + ".", origin)
        else:
            meant = [leaf for leaf in leaves(Config) if leaf.endswith(f".{name}")]
            hint = f"; did you mean {meant[0]}?" if meant else ""
            raise ConfigError(
                f"{origin}: {name} is a table: write [{name}] and its keys below{hint}"
            )


def _from_environment(environ: Mapping[str, str]) -> Iterator[_Given]:
    known = {_PREFIX + name.upper().replace(".", "_"): name for name in leaves(Config)}
    for variable, text in environ.items():
        if not variable.startswith(_PREFIX) or variable in _NOT_SETTINGS:
            continue
        if variable in known:
            yield _Given(known[variable], text, variable, text=True)
        elif variable.startswith(_PREFIX + "PLUGINS_"):
            yield _plugin_setting(variable, text)
        else:
            raise _unknown_variable(variable, known)


def _plugin_setting(variable: str, text: str) -> _Given:
    plugin, _, key = variable.removeprefix(_PREFIX + "PLUGINS_").lower().partition("_")
    if not plugin or not key:
        raise ConfigError(f"{variable}: a plugin's setting is named {_PREFIX}PLUGINS_PLUGIN_KEY")
    return _Given(f"plugins.{plugin}.{key}", _toml_value(text), variable)


def _toml_value(text: str) -> Any:
    try:
        return tomllib.loads(f"v = {text}")["v"]
    except tomllib.TOMLDecodeError:
        return text


def _from_flags(flags: Mapping[str, Any]) -> Iterator[_Given]:
    for name, value in flags.items():
        if value is not None:
            flag = "--" + name.replace(".", "-").replace("_", "-")
            yield _Given(name, value, flag, text=isinstance(value, str))


def _converted(given: _Given) -> Any:
    kind: Any = Config
    for part in given.name.split("."):
        kind = child(kind, part)
    value = _split(given.value) if given.text and _is_texts(kind) else given.value
    try:
        return msgspec.convert(value, kind, strict=not given.text)
    except msgspec.ValidationError as error:
        shown = masked(given.name, given.value)
        raise ConfigError(
            f"{given.origin}: {given.name} is {shown!r}, but must be {rule(kind)}"
        ) from error


def _is_texts(kind: Any) -> bool:
    """Whether it is a list of texts, whatever rule each of them has to keep."""
    items = get_args(kind)
    return get_origin(kind) is tuple and str in (items[0], getattr(items[0], "__origin__", None))


def _split(text: str) -> list[str]:
    return [part for part in (p.strip() for p in text.split(",")) if part]


def _built(values: Mapping[str, Any], origins: Origins) -> Config:
    tree: dict[str, Any] = {}
    for name, value in values.items():
        *sections, key = name.split(".")
        table = tree
        for section in sections:
            table = table.setdefault(section, {})
        table[key] = msgspec.to_builtins(value)
    try:
        config = msgspec.convert(tree, Config)
    except msgspec.ValidationError as error:
        raise ConfigError(f"the configuration is not complete: {error}") from error
    _check_redis(config, origins)
    _check_listen(config, origins)
    _check_model(config, origins)
    _check_rules(config, origins)
    _check_rates(config, origins)
    return config


def _check_redis(config: Config, origins: Origins) -> None:
    if config.redis in ("none", "auto"):
        return
    try:
        parse(config.redis)
    except ConfigError as error:
        raise ConfigError(f"{origins.get('redis')}: redis: {error}") from None
    try:
        access_of(config)
    except ConfigError as error:
        raise ConfigError(f"redis_access: {error}") from None


def _check_listen(config: Config, origins: Origins) -> None:
    from .listening import check_listening

    try:
        check_listening(config)
    except ConfigError as error:
        raise ConfigError(f"{origins.get('listen', 'tls')}: listen: {error}") from None


def _check_model(config: Config, origins: Origins) -> None:
    known = ("auto", "local", "openai", "none", *config.models.endpoints)
    if config.models.default not in known:
        raise ConfigError(
            f"{origins.get('models.default')}: models.default is {config.models.default!r}, "
            f"but must be one of {', '.join(known)}; name endpoints under [models.endpoints.NAME]"
        )


def _check_rules(config: Config, origins: Origins) -> None:
    for name in ("include", "exclude"):
        for text in getattr(config.observers, name):
            try:
                Rule.parse(text)
            except ConfigError as error:
                setting = f"observers.{name}"
                raise ConfigError(f"{origins.get(setting)}: {setting}: {error}") from error


def _check_rates(config: Config, origins: Origins) -> None:
    for key, rate in config.calls.rates.items():
        if not rate.tools and not rate.agents:
            setting = f"calls.rates.{key}"
            raise ConfigError(
                f"{origins.get(setting + '.per_second')}: {setting} limits nothing: name its tools, or "
                "its agents"
            )


def _unknown(name: str, origin: str) -> ConfigError:
    return ConfigError(
        f"{origin}: there is no setting {name}{_hint(nearest(name, leaves(Config)))}"
    )


def _unknown_variable(variable: str, known: Mapping[str, str]) -> ConfigError:
    hint = _hint(nearest(variable, known))
    return ConfigError(f"the environment: {variable} sets nothing{hint}")


def _hint(near: str | None) -> str:
    remedy = "`retinue config show` lists all"
    return f"; did you mean {near}? ({remedy})" if near else f"; {remedy}"


def _flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value
