"""Does what a Dockerfile says in plain folders: each stage is one, and its steps run inside it.

The base image is this machine: its programs and libraries are there, read-only, and its Python is
``python``. What a step writes lands in the stage's folder.
"""

from __future__ import annotations

import fnmatch
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import dockerfile

ROOT = os.geteuid() == 0
_OWN = {
    "proc",
    "dev",
    "sys",
    "tmp",
    "run",
    "data",
    "src",
    "wheels",
    "retinue",
    "tools",
    "host-python",
}
_ASIDE = {"EXPOSE", "STOPSIGNAL", "VOLUME", "HEALTHCHECK", "ENTRYPOINT", "CMD", "USER", "WORKDIR"}


class Image(NamedTuple):
    """The last stage, and what it says of how it is run."""

    folder: Path
    tools: Path
    env: dict[str, str]
    said: dict[str, list[str]]

    @property
    def command(self) -> list[str]:
        """What a container runs."""
        return self.said["ENTRYPOINT"] + self.said["CMD"]

    @property
    def health(self) -> list[str]:
        """What tells whether it is well."""
        return self.said["HEALTHCHECK"][1:]

    def inside(self, command: list[str], *more: str, read_only: bool = False) -> list[str]:
        """The words that run a command in it, as its user; ``more`` are flags for bwrap."""
        user = self.said["USER"][0] if ROOT else ""
        words = _box(self.folder, self.tools, self.said["WORKDIR"][0], read_only=read_only)
        return [*words, *more, *_as(user), *command]


def build(context: Path, folder: Path) -> Image:
    """Build it; raises ``AssertionError`` for a step that fails, with what it said."""
    tools = _tools(folder / "tools")
    stages: dict[str, Path] = {}
    env: dict[str, str] = {}
    said: dict[str, list[str]] = {}
    stage = folder
    for step in dockerfile.parse_file(str(context / "Dockerfile")):
        name, words = step.cmd, list(step.value)
        if name == "FROM":
            stage = folder / f"stage-{len(stages)}"
            stage.mkdir()
            stages[words[2] if len(words) == 3 else str(len(stages))] = stage
            args: dict[str, str] = {}
            env, said = {"PATH": "/tools:" + os.defpath}, {"WORKDIR": ["/"], "USER": [""]}
        elif name == "RUN":
            _run(stage, tools, said, args | env, words[0])
        elif name == "COPY":
            _copy(context, stages, stage, said["WORKDIR"][0], step.flags, words)
        elif name == "ENV":
            pairs = zip(words[::2], words[1::2], strict=True)
            env |= {key: _set(value, env) for key, value in pairs}
        elif name in _ASIDE:
            in_shell = name in ("CMD", "ENTRYPOINT") and not step.json
            said[name] = ["/bin/sh", "-c", *words] if in_shell else words
            if name == "WORKDIR":
                (stage / words[0].lstrip("/")).mkdir(parents=True, exist_ok=True)
        elif name == "ARG" and stages:
            args |= dict([words[0].split("=", 1)])
        elif name != "ARG":
            raise ValueError(f"line {step.start_line}: no test knows {name}")
    return Image(stage, tools, env, said)


def environment(env: dict[str, str]) -> dict[str, str]:
    """What an image's process sees, and what pip needs to find packages here."""
    kept = {k: v for k, v in os.environ.items() if k.startswith("PIP_") or k.endswith("_proxy")}
    own = {"HOME": os.environ.get("HOME", "/"), "LD_LIBRARY_PATH": "/host-python/lib"}
    return kept | own | env


def ignored(path: str, rules: list[str]) -> bool:
    """Whether a ``.dockerignore`` leaves a path out of the context; its last rule that fits counts."""
    parts = Path(path).parts
    parents = ["/".join(parts[: n + 1]) for n in range(len(parts))]
    out = False
    for rule in rules:
        pattern = rule.lstrip("!")
        anywhere = pattern.startswith("**/")
        names = [p.rpartition("/")[2] for p in parents] if anywhere else parents
        if any(fnmatch.fnmatchcase(name, pattern.removeprefix("**/")) for name in names):
            out = not rule.startswith("!")
    return out


def rules_of(context: Path) -> list[str]:
    """The rules of its ``.dockerignore``."""
    lines = (context / ".dockerignore").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def _run(
    stage: Path, tools: Path, said: dict[str, list[str]], env: dict[str, str], text: str
) -> None:
    words = _box(stage, tools, said["WORKDIR"][0])
    command = [*words, *_as(said["USER"][0] if ROOT else ""), "/bin/sh", "-c", text]
    done = subprocess.run(
        command,
        env=environment(env),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode:
        raise AssertionError(f"RUN {text}\n{done.stdout}")


def _copy(
    context: Path,
    stages: dict[str, Path],
    stage: Path,
    workdir: str,
    flags: tuple[str, ...],
    words: list[str],
) -> None:
    source, target = words
    to = stage / os.path.join(workdir, target).lstrip("/")  # noqa: PTH118  as Docker joins them
    given = dict(flag.removeprefix("--").split("=", 1) for flag in flags)
    if "from" in given:
        shutil.copytree(stages[given["from"]] / source.lstrip("/"), to, symlinks=True)
        return
    rules = rules_of(context)
    kept = [name for name in os.listdir(context) if not ignored(name, rules)]  # noqa: PTH208
    for name in kept:
        path = context / name
        if path.is_file():
            shutil.copy2(path, to / name)
            continue

        def leave(folder: str, names: list[str]) -> list[str]:
            at = os.path.relpath(folder, context)
            return [one for one in names if ignored(f"{at}/{one}", rules)]

        shutil.copytree(path, to / name, ignore=leave)


def _box(stage: Path, tools: Path, workdir: str, *, read_only: bool = False) -> list[str]:
    """bwrap with the stage's folder as the root, and this machine's programs in it."""
    words = ["bwrap", "--ro-bind" if read_only else "--bind", str(stage), "/"]
    for name in sorted(os.listdir("/")):  # noqa: PTH208
        path = Path("/", name)
        if name in _OWN or not (path.is_dir() or path.is_symlink()):
            continue
        if not read_only or not path.is_symlink():
            (stage / name).mkdir(exist_ok=True) if not path.is_symlink() else None
        if path.is_symlink():
            if not (stage / name).is_symlink():
                (stage / name).symlink_to(os.readlink(path))  # noqa: PTH115
        else:
            words += ["--ro-bind", str(path), str(path)]
    for name in ("proc", "dev", "tmp", "tools", "host-python", "run"):
        (stage / name).mkdir(exist_ok=True)
    words += ["--proc", "/proc", "--dev", "/dev", "--perms", "1777", "--tmpfs", "/tmp"]
    words += ["--tmpfs", "/run", "--perms", "0755", "--dir", "/run/secrets"]
    for place in (sys.prefix, str(Path(__file__).parents[2])):
        if Path(place).parts[1] in _OWN:  # a copy of the tree, under /tmp perhaps
            words += ["--ro-bind", place, place]
    words += ["--ro-bind", str(tools), "/tools", "--ro-bind", sys.base_prefix, "/host-python"]
    return [*words, "--die-with-parent", "--chdir", workdir]


def _as(user: str) -> list[str]:
    uid, _, gid = user.partition(":")
    return ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups"] if uid else []


def _tools(folder: Path) -> Path:
    """``python`` and ``pip`` of the base image; who is not root owns what he installs."""
    folder.mkdir()
    folder.chmod(0o755)
    name = Path(sys._base_executable).resolve().name
    _script(folder / "python", f'exec /host-python/bin/{name} "$@"')
    _script(folder / "pip", f'exec {shlex.quote(sys.executable)} -m pip "$@"')
    if not ROOT:
        _script(folder / "install", 'exec /usr/bin/install "${1}" "${2}" "${3}" "${@: -1}"')
    return folder


def _script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/bash\n{text}\n")
    path.chmod(0o755)


def _set(value: str, env: dict[str, str]) -> str:
    return re.sub(r"\$(\w+)", lambda found: env.get(found[1], ""), value)
