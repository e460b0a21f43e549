"""A folder to be granted beside things that are not."""

from __future__ import annotations

import os
import socket

SECRET = "the secret outside"


def furnished(tmp_path):
    """A granted root beside things that are not granted, and all ways to them that links give."""
    root = tmp_path / "granted"
    (root / "guide" / "deep").mkdir(parents=True)
    (tmp_path / "granted-not").mkdir()
    (tmp_path / "granted-not" / "secret.txt").write_text(SECRET)
    (tmp_path / "secret.txt").write_text(SECRET)
    (root / "readme.md").write_text("# Readme\n\nThe granted text.\n")
    (root / "guide" / "deep" / "page.md").write_text("one\ntwo\nthree\n")
    (root / ".env").write_text(SECRET)
    (root / ".git").mkdir()
    (root / ".git" / "config.md").write_text(SECRET)
    (root / "binary.bin").write_bytes(b"\x7fELF\0\0secret")
    (root / "latin.txt").write_bytes("gr\xfcn".encode("latin-1"))
    (root / "out-file.md").symlink_to(tmp_path / "secret.txt")
    (root / "out-relative.md").symlink_to("../secret.txt")
    (root / "out-folder").symlink_to(tmp_path)
    (root / "in-file.md").symlink_to("readme.md")
    (root / "in-folder").symlink_to("guide")
    (root / "loop").symlink_to("loop")
    (root / "proc").symlink_to("/proc/self")
    os.mkfifo(root / "fifo.md")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(root / "s.md"))
    return root
