"""Hostile folders and manifests: what must not be taken in. Each makes a folder, and names it."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from pathlib import Path

__all__ = ["FOLDERS"]

_HEAD = 'name = "bad"\nversion = "1.0.0"\n'
_GOOD = _HEAD + 'entry = "bad"\n'


def _made(folder: Path, manifest: str = _GOOD) -> Path:
    folder.mkdir()
    (folder / "plugin.toml").write_text(manifest, encoding="utf-8")
    (folder / "bad.py").write_text("", encoding="utf-8")
    return folder


def _says(text: str) -> Callable[[Path], Path]:
    return lambda folder: _made(folder, text)


def _asks(permissions: str) -> Callable[[Path], Path]:
    return _says(f"{_GOOD}[permissions]\n{permissions}\n")


def _holds(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (_made(folder) / name).write_text("", encoding="utf-8")
        return folder

    return make


def _bytes(data: bytes) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (_made(folder) / "plugin.toml").write_bytes(data)
        return folder

    return make


def _link_inside(folder: Path) -> Path:
    (_made(folder) / "data").symlink_to("/etc/passwd")
    return folder


def _linked_manifest(folder: Path) -> Path:
    folder.mkdir()
    (folder / "plugin.toml").symlink_to("/etc/passwd")
    return folder


def _linked_folder(folder: Path) -> Path:
    _made(folder.with_name(f"{folder.name}-real"))
    folder.symlink_to(folder.with_name(f"{folder.name}-real"))
    return folder


def _hard_link(folder: Path) -> Path:
    _made(folder)
    other = folder.with_name(f"{folder.name}-other")
    other.write_text("somebody's", encoding="utf-8")
    (folder / "data").hardlink_to(other)
    return folder


def _fifo(folder: Path) -> Path:
    os.mkfifo(_made(folder) / "data")
    return folder


def _socket(folder: Path) -> Path:
    os.mknod(_made(folder) / "data", 0o140600)
    return folder


def _two_cases(folder: Path) -> Path:
    (_made(folder) / "Bad.py").write_text("", encoding="utf-8")
    return folder


def _deep(folder: Path) -> Path:
    _made(folder).joinpath(*["d"] * 40).mkdir(parents=True)
    return folder


def _huge(folder: Path) -> Path:
    with (_made(folder) / "data").open("wb") as file:
        file.truncate(1 << 40)
    return folder


def _archive(folder: Path) -> Path:
    with zipfile.ZipFile(folder, "w") as archive:
        archive.writestr("../../plugin.toml", _GOOD)
    return folder


def _no_manifest(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _entry(entry: str) -> Callable[[Path], Path]:
    return _says(f"{_HEAD}entry = {entry!r}\n")


FOLDERS: dict[str, Callable[[Path], Path]] = {
    "admission: an entry with '..'": _entry("../bad"),
    "admission: an absolute entry": _entry("/etc/passwd"),
    "admission: an entry through /proc/self/root": _entry("/proc/self/root/bad"),
    "admission: an entry that is code": _entry("bad:__import__('os')"),
    "admission: a link to a file": _link_inside,
    "admission: a manifest that is a link": _linked_manifest,
    "admission: a folder that is a link": _linked_folder,
    "admission: a hard link": _hard_link,
    "admission: a FIFO": _fifo,
    "admission: a socket": _socket,
    "admission: no manifest": _no_manifest,
    "admission: an archive": _archive,
    "admission: a terabyte": _huge,
    "admission: 40 folders deep": _deep,
    "admission: two names in two cases": _two_cases,
    "admission: a newline in a name": _holds("a\nb.py"),
    "admission: right-to-left text in a name": _holds("a\u202eyp.txt"),
    "admission: a letter that looks like another": _holds("b\u0430d.py"),
    "admission: a .pth file": _holds("run.pth"),
    "admission: sitecustomize": _holds("sitecustomize.py"),
    "admission: usercustomize": _holds("usercustomize.py"),
    "admission: NUL in the manifest": _bytes(_GOOD.encode() + b"#\0"),
    "admission: a manifest that is not UTF-8": _bytes(b"\xff\xfe" + _GOOD.encode()),
    "admission: a manifest of a megabyte": _bytes(_GOOD.encode() + b"#" * (1 << 20)),
    "admission: a manifest nested 5,000 deep": _says(f"{_GOOD}x = {'[' * 5000}{']' * 5000}\n"),
    "admission: a key twice": _says(f'{_GOOD}name = "other"\n'),
    "admission: an unknown key": _says(f'{_GOOD}level = "limits"\n'),
    "admission: an unknown permission": _asks("everything = true"),
    "admission: a name with '..'": _says('name = "../bad"\nversion = "1"\nentry = "bad"\n'),
    "admission: a name that looks like another": _says(
        'name = "f\u0456les"\nversion = "1.0.0"\nentry = "bad"\n'
    ),
    "admission: net '*'": _asks('net = [{host = "*"}]'),
    "admission: net '*.com'": _asks('net = [{host = "*.com"}]'),
    "admission: net by address": _asks('net = [{host = "169.254.169.254"}]'),
    "admission: net by a hex address": _asks('net = [{host = "0x7f.1"}]'),
    "admission: net by an integer": _asks('net = [{host = "2130706433"}]'),
    "admission: net by IPv6": _asks('net = [{host = "[::1]"}]'),
    "admission: net with a user": _asks('net = [{host = "good.example@evil.example"}]'),
    "admission: read '/'": _asks('read = ["/"]'),
    "admission: read '//'": _asks('read = ["//"]'),
    "admission: read '/etc/.'": _asks('read = ["/etc/."]'),
    "admission: read '~'": _asks('read = ["~"]'),
    "admission: read '$HOME'": _asks('read = ["$HOME/x"]'),
    "admission: read with '..'": _asks('read = ["/srv/../etc"]'),
    "admission: read with a glob": _asks('read = ["/srv/*"]'),
    "admission: read /proc": _asks('read = ["/proc/self"]'),
    "admission: read a device": _asks('read = ["/dev/sda"]'),
    "admission: write /tmp": _asks('write = ["/tmp"]'),
    "admission: a folder by a relative path": _asks('read = ["data"]'),
    "admission: LD_PRELOAD": _asks('env = ["LD_PRELOAD"]'),
    "admission: PYTHONPATH": _asks('env = ["PYTHONPATH"]'),
    "admission: every kernel action": _asks('kernel = ["*"]'),
    "admission: every tool": _asks('tools = ["*"]'),
    "admission: no bound on memory": _says(f"{_GOOD}[limits]\nmemory_bytes = -1\n"),
    "admission: a call without an end": _says(f"{_GOOD}[limits]\ncall_seconds = inf\n"),
}
