"""What is granted: the request cut down to what the operator allows. Pure, and deny by default."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

import msgspec

from retinue.bus.errors import InvalidInput, PluginError

from .hosts import check_rule
from .model import NetRule, Permissions

__all__ = ["checked", "describe", "intersection", "wider"]

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}\Z")
_TOOL = re.compile(r"[a-z][a-z0-9-]{1,63}\.[A-Za-z_][\w.-]{0,127}\Z", re.ASCII)
_ACTIONS = {
    "submit": "submit tasks to agents",
    "ask": "have agents do something, and wait for it",
    "state": "look at the states of its tasks",
    "memory": "keep notes and search them",
    "model": "talk to language models",
}
_TOO_WIDE = frozenset(
    map(
        PurePosixPath,
        ("/", "/etc", "/root", "/home", "/usr", "/var", "/run", "/tmp", "/var/tmp", "/boot"),  # noqa: S108
    )
)
_OF_THE_SYSTEM = ("/proc", "/sys", "/dev")
_LOADER = re.compile(
    r"(LD_|PYTHON|GCONV_|GLIBC_|MALLOC_|NODE_OPTIONS\Z|BASH_ENV\Z|ENV\Z|IFS\Z|PATH\Z)"
)


def checked(asked: Permissions, plugin: str) -> Permissions:
    """The request in its one spelling. Raises ``PluginError`` that names the entry and the rule.

    Nothing is expanded: ``~``, ``$HOME`` and ``..`` are refused, and so is what covers too much.
    """
    try:
        return Permissions(
            net=tuple(check_rule(rule) for rule in asked.net),
            read=tuple(_path(path, "read") for path in asked.read),
            write=tuple(_path(path, "write") for path in asked.write),
            env=tuple(_variable(name) for name in asked.env),
            secrets=tuple(_variable(name) for name in asked.secrets),
            kernel=tuple(_one_of(action, _ACTIONS) for action in asked.kernel),
            tools=tuple(_tool(name) for name in asked.tools),
            processes=asked.processes,
        )
    except InvalidInput as error:
        raise PluginError(f"plugin {plugin!r}: permissions: {error}") from error


def intersection(asked: Permissions, allowed: Permissions) -> Permissions:
    """What both name. A folder that is allowed covers what lies beneath it; so does ``*.x``."""
    return Permissions(
        net=tuple(_net(asked.net, allowed.net)),
        read=tuple(path for path in asked.read if _within(path, (*allowed.read, *allowed.write))),
        write=tuple(path for path in asked.write if _within(path, allowed.write)),
        env=_both(asked.env, allowed.env),
        secrets=_both(asked.secrets, allowed.secrets),
        kernel=_both(asked.kernel, allowed.kernel),
        tools=_both(asked.tools, allowed.tools),
        processes=asked.processes and allowed.processes,
    )


def wider(new: Permissions, old: Permissions) -> list[str]:
    """What the new request has and the old one had not, in words for the operator."""
    return [line for line in describe(new) if line not in describe(old)]


def describe(permissions: Permissions) -> list[str]:
    """One line for each thing that is allowed, for people."""
    lines = [
        f"fetch from {rule.host}:{'/'.join(map(str, rule.ports))} with {', '.join(rule.methods)}"
        for rule in permissions.net
    ]
    lines += [f"read {path}" for path in permissions.read]
    lines += [f"read and write {path}" for path in permissions.write]
    lines += [f"see the environment variable {name}" for name in permissions.env]
    lines += [f"have the kernel use the secret {name} for it" for name in permissions.secrets]
    lines += [_ACTIONS.get(action, f"ask the kernel to {action}") for action in permissions.kernel]
    lines += [f"call the tool {name}" for name in permissions.tools]
    return lines + (["start processes of its own"] if permissions.processes else [])


def _path(text: str, key: str) -> str:
    path = PurePosixPath("/" + text.lstrip("/") if text.startswith("/") else text)
    if not text.isprintable() or not path.is_absolute() or ".." in path.parts:
        raise InvalidInput(f"{key} {text!r}: give an absolute path without '..'")
    if text.startswith("~") or "$" in text or "*" in text:
        raise InvalidInput(f"{key} {text!r}: nothing is expanded; write the path out")
    if path in _TOO_WIDE:
        raise InvalidInput(f"{key} {text!r} covers too much: name the folder that is needed")
    if any(path.is_relative_to(folder) for folder in _OF_THE_SYSTEM):
        raise InvalidInput(f"{key} {text!r} is no file of anybody's, but the system itself")
    return str(path)


def _variable(name: str) -> str:
    if not _VARIABLE.match(name):
        raise InvalidInput(f"{name!r} is not a variable's name: letters, digits and '_'")
    if _LOADER.match(name):
        raise InvalidInput(f"{name!r} changes how programs start; it cannot be passed on")
    return name


def _tool(name: str) -> str:
    if not _TOOL.match(name):
        raise InvalidInput(f"tool {name!r}: write PLUGIN.TOOL, with no glob")
    return name


def _one_of(action: str, known: Iterable[str]) -> str:
    if action not in known:
        raise InvalidInput(f"kernel action {action!r} is unknown: {', '.join(sorted(known))}")
    return action


def _within(path: str, folders: Iterable[str]) -> bool:
    return any(PurePosixPath(path).is_relative_to(folder) for folder in folders)


def _both(asked: tuple[str, ...], allowed: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in asked if name in allowed)


def _net(asked: Iterable[NetRule], allowed: tuple[NetRule, ...]) -> Iterator[NetRule]:
    for rule in asked:
        for other in allowed:
            if not _host_within(rule.host, other.host):
                continue
            ports = tuple(port for port in rule.ports if port in other.ports)
            methods = tuple(method for method in rule.methods if method in other.methods)
            if ports and methods:
                yield msgspec.structs.replace(rule, ports=ports, methods=methods)


def _host_within(host: str, other: str) -> bool:
    if host == other:
        return True
    return other.startswith("*.") and host.removeprefix("*.").endswith(other[1:])
