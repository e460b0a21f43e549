"""Opening beneath a folder, as admission and the host's file service do it."""

from __future__ import annotations

import errno
import os
import re

import pytest

from retinue.plugins.beneath import open_beneath


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "inside/deep").mkdir(parents=True)
    (tmp_path / "inside/deep/note").write_text("here")
    (tmp_path / "outside").write_text("there")
    (tmp_path / "inside/link").symlink_to("deep/note")
    descriptor = os.open(tmp_path / "inside", os.O_PATH)
    yield descriptor
    os.close(descriptor)


def test_what_lies_beneath_is_opened_and_not_handed_down(folder):
    descriptor = open_beneath(folder, "deep/note", os.O_RDONLY)
    with os.fdopen(descriptor) as file:
        assert not os.get_inheritable(descriptor)
        assert file.read() == "here"


def test_what_is_made_gets_the_mode_that_was_asked_for(folder, tmp_path):
    os.close(open_beneath(folder, "deep/new", os.O_WRONLY | os.O_CREAT, 0o600))
    assert (tmp_path / "inside/deep/new").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("link", errno.ELOOP),
        ("../outside", errno.EXDEV),
        ("/etc/passwd", errno.EXDEV),
        ("deep/../../outside", errno.EXDEV),
        ("missing", errno.ENOENT),
        ("deep/note\0../../outside", errno.EINVAL),
    ],
)
def test_what_does_not_is_an_error_that_says_how(folder, path, error):
    with pytest.raises(OSError, match=re.escape(os.strerror(error))):
        open_beneath(folder, path, os.O_RDONLY)
