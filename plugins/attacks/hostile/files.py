"""Reading, writing and filling what is not the plugin's."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .calls import raw

__all__ = ["ATTACKS"]

_CREATE = os.O_WRONLY | os.O_CREAT


def _read(path: str) -> str:
    with open(path, "rb") as file:
        return f"{len(file.read(64))} bytes of {path}"


def _read_secret(told: dict[str, Any]) -> object:
    return _read(told["secret"])


def _read_shadow(_: dict[str, Any]) -> object:
    return _read("/etc/shadow")


def _read_passwd(_: dict[str, Any]) -> object:
    return _read("/etc/passwd")


def _ssh_keys(told: dict[str, Any]) -> object:
    return os.listdir(told["home"] + "/.ssh")


def _list_home(told: dict[str, Any]) -> object:
    return os.listdir(told["home"])


def _host_environ(told: dict[str, Any]) -> object:
    return _read(f"/proc/{told['host']}/environ")


def _host_memory(told: dict[str, Any]) -> object:
    return _read(f"/proc/{told['host']}/mem")


def _host_descriptors(told: dict[str, Any]) -> object:
    return os.listdir(f"/proc/{told['host']}/fd")


def _through_proc_root(told: dict[str, Any]) -> object:
    return _read(f"/proc/self/root{told['secret']}")


def _change_own_code(told: dict[str, Any]) -> object:
    with open(__file__, "ab") as file:
        return file.write(b"#")


def _add_to_own_code(told: dict[str, Any]) -> object:
    path = str(Path(__file__).parent.parent / "json.py")
    return os.open(path, _CREATE, 0o600)


def _write_secret(told: dict[str, Any]) -> object:
    return os.open(told["secret"], os.O_WRONLY)


def _truncate_secret(told: dict[str, Any]) -> object:
    os.truncate(told["secret"], 0)
    return "truncated"


def _remove_secret(told: dict[str, Any]) -> object:
    os.unlink(told["secret"])
    return "removed"


def _write_root(_: dict[str, Any]) -> object:
    return os.open("/retinue-was-here", _CREATE, 0o600)


def _leave_cgroup(_: dict[str, Any]) -> object:
    for hierarchy in ("/sys/fs/cgroup/unified", "/sys/fs/cgroup"):
        if os.path.exists(hierarchy):
            break
    return Path(hierarchy, "cgroup.procs").write_text("0")


def _chmod(told: dict[str, Any]) -> object:
    os.chmod(told["secret"], 0o777)
    return "changed"


def _touch(told: dict[str, Any]) -> object:
    os.utime(told["secret"], (0, 0))
    return "changed"


def _xattr(told: dict[str, Any]) -> object:
    os.setxattr(told["secret"], "user.mark", b"1")
    return "changed"


def _set_uid(told: dict[str, Any]) -> object:
    return os.open(told["folder"] + "/became", _CREATE, 0o4755)


def _set_gid(_: dict[str, Any]) -> object:
    os.mkdir("/tmp/became", 0o2777)
    return "made"


def _hard_link(told: dict[str, Any]) -> object:
    os.link(told["secret"], "/tmp/link")
    return "linked"


def _symlink(told: dict[str, Any]) -> object:
    os.symlink(told["secret"], "/tmp/link")
    return "linked"


def _fifo(_: dict[str, Any]) -> object:
    os.mkfifo("/tmp/fifo")
    return "made"


def _device(_: dict[str, Any]) -> object:
    os.mknod("/tmp/disk", 0o60600, os.makedev(254, 0))
    return "made"


def _rename_out(told: dict[str, Any]) -> object:
    Path("/tmp/mine").write_text("x")
    os.rename("/tmp/mine", told["secret"])
    return ""  # where the view has a folder of that name it is the plugin's own: the host looks


def _fill_scratch(_: dict[str, Any]) -> object:
    total = 0
    for number in range(64):
        with open(f"/tmp/full-{number}", "wb") as file:
            for _piece in range(8):
                total += file.write(bytes(1 << 20))
                file.flush()
    return f"{total >> 20} MiB"


def _fill_inodes(_: dict[str, Any]) -> object:
    for number in range(20_000):
        os.close(os.open(f"/tmp/i{number}", _CREATE, 0o600))
    return "20,000 files"


def _huge_file(_: dict[str, Any]) -> object:
    descriptor = os.open("/tmp/sparse", _CREATE, 0o600)
    os.ftruncate(descriptor, 1 << 40)
    return "a file of 1 TiB"


def _shared_memory(_: dict[str, Any]) -> object:
    return os.open("/dev/shm/full", _CREATE, 0o600)


def _by_handle(told: dict[str, Any]) -> object:
    return raw("open_by_handle_at", -100, b"\0" * 64, 0)


def _ask(method: str, **params: Any) -> Callable[[dict[str, Any]], object]:
    def attack(told: dict[str, Any]) -> object:
        values = {k: v.format(**told) if isinstance(v, str) else v for k, v in params.items()}
        return told["ask"](method, values)

    return attack


_DATA = base64.b64encode(b"x").decode()

ATTACKS: dict[str, Callable[[dict[str, Any]], object]] = {
    "files: read another's file": _read_secret,
    "files: read /etc/shadow": _read_shadow,
    "files: read /etc/passwd": _read_passwd,
    "files: list ~/.ssh": _ssh_keys,
    "files: list the home folder": _list_home,
    "files: read the host's environment": _host_environ,
    "files: read the host's memory": _host_memory,
    "files: list the host's descriptors": _host_descriptors,
    "files: read through /proc/self/root": _through_proc_root,
    "files: change its own code": _change_own_code,
    "files: put json.py beside its own code": _add_to_own_code,
    "files: write another's file": _write_secret,
    "files: truncate another's file": _truncate_secret,
    "files: remove another's file": _remove_secret,
    "files: write into /": _write_root,
    "files: leave its cgroup": _leave_cgroup,
    "files: chmod another's file": _chmod,
    "files: set another file's times": _touch,
    "files: set an extended attribute": _xattr,
    "files: make a set-uid file": _set_uid,
    "files: make a set-gid folder": _set_gid,
    "files: make a hard link": _hard_link,
    "files: make a symbolic link": _symlink,
    "files: make a FIFO": _fifo,
    "files: make a device": _device,
    "files: rename a file out of its root": _rename_out,
    "files: fill the scratch folder": _fill_scratch,
    "files: fill the inodes": _fill_inodes,
    "files: make a file of 1 TiB": _huge_file,
    "files: fill /dev/shm": _shared_memory,
    "files: open by handle": _by_handle,
    "files: ask the host for another's file": _ask("fs.read", path="{secret}"),
    "files: ask the host with '..'": _ask("fs.read", path="{folder}/../secret"),
    "files: ask the host through its own link": _ask("fs.read", path="{folder}/link"),
    "files: ask the host for a FIFO": _ask("fs.read", path="{folder}/fifo"),
    "files: ask the host for a NUL": _ask("fs.read", path="{folder}/a\0b"),
    "files: ask the host to write elsewhere": _ask("fs.write", path="{secret}", data=_DATA),
    "files: ask the host to write a hard link": _ask("fs.write", path="{folder}/hard", data=_DATA),
    "files: ask the host for a sparse giant": _ask(
        "fs.write", path="{folder}/giant", data=_DATA, offset=1 << 40
    ),
    "files: ask the host to remove elsewhere": _ask("fs.remove", path="{secret}"),
    "files: ask the host for what does not exist": _ask("fs.chmod", path="{folder}"),
    "files: ask the host for /proc": _ask("fs.read", path="/proc/self/environ"),
}
