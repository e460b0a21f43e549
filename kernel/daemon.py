"""``retinue run``: a kernel in the foreground, its folder, its API, its signals and its end."""

from __future__ import annotations

import gc
import os
import select
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any

from loguru import logger

from retinue.bus.errors import ConfigError, RetinueError, Unavailable
from retinue.bus.redact import Secrets
from retinue.plugins.sandbox.division import divided

from . import logs
from .descriptors import take_room
from .folder import StateFolder, folder_of
from .given_token import GIVEN, given_token
from .known_secrets import register_known
from .listening import is_loopback, listen_tcp, parse_address
from .systemd import notify
from .text import duration
from .tokens import TokenFile
from .unix_socket import listen

if TYPE_CHECKING:
    from .bounded_socket import BoundedSocket
    from .config import Config
    from .kernel import Kernel

__all__ = ["Daemon"]

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_OVERTIME = 10.0  # seconds on top of the drain; then the process ends whatever still runs


class Daemon:
    """One kernel, run on the main thread until it is told to stop.

    The first SIGTERM, SIGINT or SIGHUP (or a stop over the API) drains: nothing new is taken,
    what runs may end within ``config.drain`` seconds. A second signal ends that wait: what still
    runs is left, and goes on at the next start.
    """

    def __init__(self, config: Config, environ: Mapping[str, str] = os.environ) -> None:
        """Nothing happens before ``run``."""
        self.secrets = Secrets()
        """What the log, and whatever else shows anything of this process, must not show."""
        register_known(self.secrets, config, environ)
        self._config = config
        self._environ = environ
        self._folder = StateFolder(folder_of(config, environ))
        self._wake = _Wake()
        self._stopping = threading.Event()
        self._address = self._url = ""

    def run(self, ready: Callable[[dict[str, Any]], None]) -> None:
        """Serve until a stop; ``ready`` is called once requests are answered, with what to say.

        Raises ``FolderInUse`` and what else keeps a kernel from starting. Main thread only.
        """
        with ExitStack() as stack:
            stack.callback(self._wake.close)
            stale = self._folder.acquire()
            stack.callback(self._folder.release)
            cgroups = stack.enter_context(divided())
            stack.enter_context(_signals(self._wake))
            if stale:
                logger.warning("removed {} of a daemon that was killed", " and ".join(stale))
            for line in cgroups:
                logger.info(line)
            kernel = self._started(stack)
            _collect_seldom()
            ready(self._about(kernel))
            notify("READY=1", self._environ)
            self._stop(kernel, self._wake.wait(None))
        logger.info("stopped")

    def _started(self, stack: ExitStack) -> Kernel:
        """A kernel with its API; what follows on the stack undoes it if a start fails."""
        from .kernel import Kernel

        server = _server_class()
        config = self._config
        kernel = Kernel(
            config.name, state_dir=self._folder.path, config=config, secrets=self.secrets
        )
        listener = stack.enter_context(listen(self._folder.socket))
        tokens = TokenFile(self._folder.path)
        tokens.keep(GIVEN, "admin", given_token(config.api.admin_token_file))
        tcp = stack.enter_context(self._listen()) if config.listen else None
        stack.callback(kernel.close, drain=0.0, reason="the daemon could not start")
        kernel.start()
        log = logs.EventLog(kernel, self._config.log.level)
        log.start()
        stack.callback(log.close)
        api = server(kernel, listener, self._asked_to_stop, tcp, tokens)
        api.start()
        stack.callback(api.close)
        self._address, self._url = api.address, api.shared.url
        self._tell_address()
        return kernel

    def _listen(self) -> BoundedSocket:
        """The TCP socket; refuses an address beyond this machine as long as there is no token."""
        config = self._config
        host, _ = parse_address(config.listen)
        if not is_loopback(host) and not TokenFile(self._folder.path).tokens():
            raise ConfigError(
                f"{config.listen!r}: beyond this machine clients have to show a token, and there is "
                "none: make one with `retinue tokens create NAME --role ROLE`"
            )
        wanted = config.api.connections
        most = take_room(wanted)
        if most < wanted:
            logger.warning(
                "the API takes {} connections at once and not {}: this process may open no more "
                "files, see `ulimit -Hn` and LimitNOFILE",
                most,
                wanted,
            )
        return listen_tcp(config.listen, most)

    def _tell_address(self) -> None:
        if not self._address:
            return
        logger.info("the API is at {}", self._url)
        if not TokenFile(self._folder.path).tokens():
            logger.info("over TCP it takes a token: `retinue tokens create NAME --role viewer`")
        host, _ = parse_address(self._config.listen)
        if is_loopback(host) and self._config.api.open_observers:
            logger.info(
                "every user of this machine can read the dialects' WebSockets: api.open_observers"
            )

    def _asked_to_stop(self, reason: str) -> None:
        """Over the API. Asking twice hurries nothing: that takes a signal."""
        if not self._stopping.is_set():
            self._stopping.set()
            self._wake.asked(reason)

    def _about(self, kernel: Kernel) -> dict[str, Any]:
        bus = kernel.status().bus
        return {
            "ready": True,
            "name": kernel.name,
            "pid": os.getpid(),
            "socket": str(self._folder.socket),
            "redis": bus.server or bus.state,
            **({"listen": self._address, "url": self._url} if self._address else {}),
        }

    def _stop(self, kernel: Kernel, reason: str) -> None:
        self._stopping.set()
        drain = self._config.drain
        logger.info("stopping ({}): what runs has {} to end", reason, duration(drain))
        notify("STOPPING=1", self._environ)
        closing = threading.Thread(
            target=self._close, args=(kernel, drain, reason), name="retinue-close", daemon=True
        )
        closing.start()
        while closing.is_alive():
            said = self._wake.wait(drain + _OVERTIME)
            if said == _CLOSED:
                break
            if not said:
                self._give_up(f"the kernel did not close within {duration(drain + _OVERTIME)}")
            logger.warning("hurrying ({}): what still runs goes on at the next start", said)
            kernel.hurry()

    def _close(self, kernel: Kernel, drain: float, reason: str) -> None:
        try:
            kernel.close(drain=drain, reason=reason)
        except RetinueError as error:
            logger.error("the kernel did not close cleanly: {}", error)
        finally:
            self._wake.asked(_CLOSED)

    def _give_up(self, why: str) -> None:
        logger.error("{}: ending the process", why)
        self._folder.release()
        os._exit(70)


_CLOSED = "\0closed"


class _Wake:
    """What the main thread waits for. A pipe, since a handler may interrupt a lock's holder."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._reasons: list[str] = []

    @property
    def signal_fd(self) -> int:
        """For ``signal.set_wakeup_fd``: Linux may interrupt another thread than the one that waits."""
        return self._write

    def signalled(self, number: int, _frame: object) -> None:
        """Called by Python between two bytecodes of the main thread."""
        self.asked(f"signal {signal.Signals(number).name}")

    def asked(self, reason: str) -> None:
        """Wake the main thread; from any thread."""
        self._reasons.append(reason)
        with suppress(OSError):  # full: it wakes anyway; closed: it is past waiting
            os.write(self._write, b".")

    def wait(self, timeout: float | None) -> str:
        """The next reason, or an empty string after ``timeout`` seconds."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self._reasons:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            if not select.select([self._read], [], [], left)[0]:
                return ""
            with suppress(BlockingIOError):
                os.read(self._read, select.PIPE_BUF)  # a signal is one byte, its handler another
        return self._reasons.pop(0)

    def close(self) -> None:
        os.close(self._read)
        os.close(self._write)


def _collect_seldom() -> None:
    """Have the garbage collector pass over what stays, and come after 10,000 objects, not 700.

    What the kernel makes for a task is freed without it; it took a fifth of a busy kernel's time.
    This process is the daemon's own: a program that embeds a kernel sets its collector itself.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


@contextmanager
def _signals(wake: _Wake) -> Iterator[None]:
    before = {number: signal.signal(number, wake.signalled) for number in _SIGNALS}
    woken = signal.set_wakeup_fd(wake.signal_fd, warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(woken)
        for number, was in before.items():
            signal.signal(number, was)


def _server_class() -> Any:
    try:
        from .api.server import ApiServer
    except ModuleNotFoundError as error:
        raise Unavailable(
            f"the daemon needs the package {error.name}: pip install 'retinue[daemon]'"
        ) from error
    return ApiServer
