"""``reference/configuration.md``, from ``retinue.kernel.config``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_origin, get_type_hints

import msgspec
from text import default, prose, table

from retinue.kernel.config import Config
from retinue.kernel.config_rules import rule

_HEAD = """\
# Configuration

<!-- Written by scripts/docs from kernel/config.py. Change the code, then run scripts/docs. -->

A daemon takes its settings from four sources. Later ones win: defaults, the file, the environment, flags.
The file is TOML. It is `~/.config/retinue/config.toml` unless `--config` or `RETINUE_CONFIG` names another.
In the environment a setting is named `RETINUE_` and its name in capitals, with `_` for each dot.
For example, `RETINUE_SCHEDULER_POLICY` sets `scheduler.policy`.
An unknown key is refused, and the nearest known name is suggested.
`retinue config show --origin` shows every setting and where its value came from.
Inside a program, pass `Kernel(config=Config(...))`; the environment and the file are then not read.

The daemon has `redis = "auto"` as its default. An embedded kernel has `redis = "none"`.

{sections}
"""


def page() -> str:
    """The whole page."""
    return _HEAD.format(sections="\n\n".join(_sections(Config, "")))


def _sections(kind: Any, prefix: str) -> Iterator[str]:
    hints = get_type_hints(kind, include_extras=True)
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    rows = [
        (f"`{prefix}{name}`", _rule(hint), default(fields[name]))
        for name, hint in hints.items()
        if not _is_section(hint)
    ]
    title = f"`[{prefix[:-1]}]`" if prefix else "The kernel itself"
    yield f"## {title}\n\n{prose(kind.__doc__)}"
    if rows:
        yield table(["setting", "must be", "default"], rows)
    for name, hint in hints.items():
        inner = _section_in(hint)
        if inner is not None:
            yield from _sections(inner, f"{prefix}{name}.{'' if inner is hint else 'NAME.'}")


def _section_in(hint: Any) -> Any | None:
    """The section itself, or that of a table of named sections."""
    if _is_section(hint):
        return hint
    inner = hint.__args__[1] if get_origin(hint) is dict else None
    return inner if _is_section(inner) else None


def _is_section(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, msgspec.Struct)


def _rule(hint: Any) -> str:
    return "a table" if get_origin(hint) is dict else rule(hint)
