"""A state folder has one daemon, an owner, and files that outlive a killed daemon."""

from __future__ import annotations

import fcntl
import os
import socket
import stat

import pytest

from retinue.bus.errors import ConfigError
from retinue.kernel.config import Config
from retinue.kernel.folder import FolderInUse, FolderNotOurs, StateFolder, folder_of
from retinue.kernel.unix_socket import connect, is_answered, listen


def test_the_folder_is_made_for_its_owner_alone(tmp_path):
    folder = StateFolder(tmp_path / "deep" / "folder")
    assert folder.acquire() == []
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert folder.pid() == os.getpid()


def test_a_folder_that_others_could_enter_is_closed_to_them(tmp_path):
    tmp_path.chmod(0o755)
    StateFolder(tmp_path).acquire()
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


def test_a_second_daemon_is_refused_and_told_who_holds_the_folder(tmp_path):
    first, second = StateFolder(tmp_path), StateFolder(tmp_path)
    first.acquire()
    with pytest.raises(FolderInUse, match=rf"pid {os.getpid()}\) already runs in .*retinue stop"):
        second.acquire()
    assert first.pid() == os.getpid()
    first.release()
    second.acquire()


def test_a_refused_daemon_leaves_the_first_ones_files_alone(tmp_path):
    first, second = StateFolder(tmp_path), StateFolder(tmp_path)
    first.acquire()
    with listen(first.socket):
        with pytest.raises(FolderInUse, match="answers"):
            second.acquire()
        second.release()
        assert is_answered(first.socket)


def test_what_a_killed_daemon_left_is_recognised_and_removed(tmp_path):
    folder = StateFolder(tmp_path)
    folder.pid_file.write_text("1\n")
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(folder.socket))
    assert not is_answered(folder.socket)
    assert folder.acquire() == ["retinue.pid", "retinue.sock"]
    assert folder.pid() == os.getpid()
    assert not folder.socket.exists()


def test_the_folder_is_held_from_acquire_to_release(tmp_path):
    folder = StateFolder(tmp_path)
    assert not folder.is_held()
    folder.acquire()
    assert StateFolder(tmp_path).is_held()
    folder.release()
    assert not folder.is_held()


def test_a_look_at_whether_a_folder_is_held_keeps_no_daemon_out(tmp_path, monkeypatch):
    folder = StateFolder(tmp_path)
    folder.acquire()
    folder.release()
    looking = os.open(tmp_path / "retinue.lock", os.O_RDONLY)
    fcntl.flock(looking, fcntl.LOCK_SH)
    monkeypatch.setattr("time.sleep", lambda _: os.close(looking))
    folder.acquire()


def test_release_leaves_no_socket_and_no_pid(tmp_path):
    folder = StateFolder(tmp_path)
    folder.acquire()
    folder.release()
    folder.release()
    assert [file.name for file in tmp_path.iterdir()] == ["retinue.lock"]


def test_a_file_where_the_folder_should_be_is_refused_by_its_name(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="is not a folder"):
        StateFolder(tmp_path / "file").acquire()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away: run as root")
def test_another_users_folder_is_refused(tmp_path):
    os.chown(tmp_path, 12345, 12345)
    with pytest.raises(FolderNotOurs, match="another user"):
        StateFolder(tmp_path).acquire()


def test_a_link_in_place_of_the_lock_is_not_followed(tmp_path):
    (tmp_path / "retinue.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        StateFolder(tmp_path).acquire()
    assert not (tmp_path / "elsewhere").exists()


def test_the_folder_is_the_configured_one_or_one_named_after_the_kernel():
    assert str(folder_of(Config(state_dir="/x"))) == "/x"
    environ = {"XDG_STATE_HOME": "/state"}
    assert str(folder_of(Config(name="lab"), environ)) == "/state/retinue/lab"
    assert str(folder_of(Config(), {"HOME": "/me"})) == "/me/.local/state/retinue/main"


def test_the_socket_is_for_its_owner_alone_and_hangs_up_on_others(tmp_path, monkeypatch):
    path = tmp_path / "s"
    with listen(path) as listener:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with connect(path, 5.0):
            listener.accept()[0].close()
        monkeypatch.setattr("retinue.kernel.unix_socket._peer_uid", lambda _: os.geteuid() + 1)
        with connect(path, 5.0) as client:
            with pytest.raises(ConnectionAbortedError, match="another user"):
                listener.accept()
            assert client.recv(1) == b""


def test_the_peers_uid_is_the_one_the_system_knows(tmp_path):
    from retinue.kernel.unix_socket import _peer_uid

    with listen(tmp_path / "s") as listener, connect(tmp_path / "s", 5.0):
        accepted, _ = listener.accept()
        with accepted:
            assert _peer_uid(accepted) == os.geteuid()


def test_a_socket_whose_path_is_too_long_for_the_system_works_all_the_same(tmp_path):
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    with listen(folder / "s"):
        assert is_answered(folder / "s")
