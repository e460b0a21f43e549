"""Every setting there is, with its default and its rule. Where values come from: ``settings.py``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from .api_config import ApiConfig, TlsConfig
from .calls_config import CallsConfig, PolicyConfig
from .dialects_config import (
    AgentEventsConfig,
    DialectsConfig,
    LiveLogsConfig,
    OrchestratorEventsConfig,
)
from .masking import masked

__all__ = [
    "AgentEventsConfig",
    "Config",
    "DialectsConfig",
    "EndpointConfig",
    "JournalConfig",
    "LimitsConfig",
    "LiveLogsConfig",
    "LogConfig",
    "ModelsConfig",
    "ObserversConfig",
    "OrchestratorEventsConfig",
    "RedisAccessConfig",
    "SandboxConfig",
    "SchedulerConfig",
    "VaultConfig",
    "WatchdogConfig",
]

Count = Annotated[int, Meta(ge=1)]
CountOrZero = Annotated[int, Meta(ge=0)]
Bytes = Annotated[int, Meta(ge=1024)]
Seconds = Annotated[float, Meta(gt=0)]
SecondsOrZero = Annotated[float, Meta(ge=0)]
Name = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9][a-z0-9_.-]{0,62}\Z",
        description="1 to 63 lower-case letters, digits, '_', '.' or '-', a letter or digit first",
    ),
]
RedisChoice = Annotated[
    str,
    Meta(
        pattern=r"^(none|auto|(rediss?(\+(sentinel|cluster))?|unix)://\S+)\Z",
        description="none, auto, or a URL such as redis://HOST:PORT or unix:///PATH",
    ),
]
Address = Annotated[
    str,
    Meta(
        pattern=r"^(\S+:[0-9]{1,5})?\Z",
        description="HOST:PORT, such as 127.0.0.1:8787, or left out",
    ),
]
Texts = tuple[str, ...]


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Immutable, given by keyword; a misspelt key is an error."""


class LogConfig(_Section, frozen=True):
    """What the daemon prints on stderr; an embedded kernel prints nothing."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["human", "json"] = "human"


class SchedulerConfig(_Section, frozen=True):
    """Which waiting task is next, and how many run at once.

    ``ageing`` is in seconds: a task that waits that long counts as one priority higher.
    """

    policy: Literal["fifo", "priority", "round_robin"] = "priority"
    max_running: Count = 1000
    max_per_agent: Count = 100
    ageing: Seconds = 10.0


class LimitsConfig(_Section, frozen=True):
    """Bounds on what is taken in and kept. What goes over one is refused, naming it.

    ``input_bytes`` and ``result_bytes`` are bytes of JSON: of a task's input, and of what an agent or
    a tool gives back. To and from a process of an agent's own go 8 MiB at most, whatever they say.
    """

    input_bytes: Bytes = 1024 * 1024
    result_bytes: Bytes = 8 * 1024 * 1024
    open_tasks: Count = 100_000
    mailbox_messages: Count = 100_000
    mailbox_bytes: Bytes = 256 * 1024 * 1024
    journal_events: Count = 1_000_000
    """Events that the in-memory journal keeps; the oldest go first."""
    ended_tasks: Count = 100_000
    """Ended tasks that can still be asked for by id; the oldest go first."""


class JournalConfig(_Section, frozen=True):
    """The journal of a kernel with a state folder.

    With ``FULL`` an accepted task survives a power cut, with ``NORMAL`` a crash of the process.
    Events go, oldest first, when they are older than ``max_age`` seconds, or when there are more than
    ``max_events`` or ``max_bytes``; 0 is no bound, and without one nothing goes. What still matters of
    them is written down first. ``trim_every`` is how often that is looked at, in seconds. A live run or
    a registered reader keeps the events that it needs; with ``holds`` set to ``pass`` it is passed, and
    named.
    """

    synchronous: Literal["FULL", "NORMAL"] = "FULL"
    max_age: SecondsOrZero = 0.0
    max_events: CountOrZero = 0
    max_bytes: CountOrZero = 0
    trim_every: Seconds = 60.0
    holds: Literal["keep", "pass"] = "keep"


class RedisAccessConfig(_Section, frozen=True):
    """How a server that ``redis`` names by URL is reached; the kernel's own server needs none of it.

    A password is in a file that others cannot read, or in the environment, under the name that
    ``password_env`` gives. It is read at each connect, so that a new one is taken up. The other
    files are for TLS (``rediss://``): whom to trust, and what to show a server that asks. Sentinels
    get their own user and password, if they want any.
    """

    username: str = ""
    password_file: str = ""
    password_env: str = ""
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    sentinel_username: str = ""
    sentinel_password_file: str = ""
    sentinel_password_env: str = ""


class ObserversConfig(_Section, frozen=True):
    """What is mirrored to Redis.

    An event goes out when a rule of ``include`` matches it and none of ``exclude`` does; a rule
    is a glob over the type (``tool.*``) or names its fields (``type=tool.* agent=lib*``), see
    ``retinue.bus.topics.Rule``. A rule of ``sample`` keeps a part of what it matches
    (``type=agent.text rate=0.1``); one of ``coalesce`` joins the pieces of a task's text that come
    within some seconds (``type=agent.text every=0.05``). ``form`` is how events are encoded. What
    an event holds over ``payload_bytes`` is left out, with a reference. ``stream_length`` counts
    events, ``stream_age`` is in seconds (0: no bound), ``outbox_bytes`` bounds the memory that is
    taken by what waits while Redis is away.
    """

    include: Texts = ("*",)
    exclude: Texts = ()
    sample: Texts = ()
    coalesce: Texts = ()
    form: Literal["json", "msgpack"] = "json"
    payload_bytes: Bytes = 64 * 1024
    stream_length: Count = 100_000
    stream_age: SecondsOrZero = 0.0
    outbox_bytes: Bytes = 16 * 1024 * 1024
    dialects: DialectsConfig = DialectsConfig()


class WatchdogConfig(_Section, frozen=True):
    """Progress, not pings: seconds without a step until something is said to hang.

    ``stall`` holds between the steps of a turn, ``tool`` within a tool call, ``stream``
    between two pieces of a model's answer, ``turn`` for a whole turn. ``loop`` is how long a
    turn may keep the agents' loop to itself. ``action`` is taken on what hangs.
    """

    stall: Seconds = 30.0
    tool: Seconds = 120.0
    stream: Seconds = 60.0
    turn: Seconds = 3600.0
    loop: Seconds = 2.0
    action: Literal["report", "cancel"] = "report"


class EndpointConfig(_Section, frozen=True):
    """An OpenAI-compatible endpoint. Its key stays in the environment, under ``api_key_env``."""

    base_url: str
    model: str
    api_key_env: str = "OPENAI_API_KEY"


class VaultConfig(_Section, frozen=True):
    """Where a secret is that the kernel uses for plugins: an environment variable, or a file.

    The file's mode is 0600. With ``hosts`` it is sent to those alone.
    """

    env: str = ""
    file: str = ""
    hosts: Texts = ()


class SandboxConfig(_Section, frozen=True):
    """The walls around plugins that run in processes of their own.

    ``level`` is what they get, ``minimum`` the least that is accepted: ``strict`` needs bubblewrap,
    ``baseline`` does without namespaces, ``limits`` is no security and for those in ``trusted`` alone.
    ``bwrap`` names a bubblewrap in an unusual place. ``vault`` names the secrets that plugins may be
    granted. Fetches go to public addresses; hosts named in ``allow_private_hosts`` may have others, for
    development: no grant does that. ``allow`` is a ceiling, in the words of a manifest's
    ``[permissions]``: what a plugin asks for beyond it is granted to none, and an agent of isolation
    ``process`` that asks for more is not started. ``agents`` is the level of such agents: ``auto``
    as for plugins; ``limits`` is for trusted code alone.
    """

    level: Literal["strict", "standard", "baseline", "limits"] = "standard"
    minimum: Literal["strict", "standard", "baseline", "limits"] = "standard"
    agents: Literal["auto", "strict", "standard", "baseline", "limits"] = "auto"
    trusted: Texts = ()
    bwrap: str = ""
    allow_private_hosts: Texts = ()
    allow: dict[str, Any] = {}
    vault: dict[str, VaultConfig] = {}


class ModelsConfig(_Section, frozen=True):
    """Language models. ``default``: auto (OPENAI_BASE_URL if set, else local), local, or a name.

    ``endpoints`` gives names to endpoints; ``threads`` is for the local model. ``record`` keeps what
    models answer in the journal, which a replay needs: ``auto`` does so in a state folder.
    """

    default: str = "auto"
    threads: Count = 2
    endpoints: dict[str, EndpointConfig] = {}
    record: Literal["auto", "always", "never"] = "auto"


class Config(_Section, frozen=True):
    """All settings of one kernel. ``Config()`` is an embedded kernel's: no Redis, no files.

    ``redis`` is ``none``, ``auto`` (a server of the kernel's own) or a URL. ``plugins`` maps
    a plugin's name to that plugin's own settings; ``{"enabled": False}`` leaves it out.
    ``drain`` is how many seconds a stop waits for running tasks. ``listen`` is where the daemon's API
    is reached over TCP, besides its Unix socket.
    """

    name: Name = "main"
    state_dir: str = ""
    redis: RedisChoice = "none"
    redis_access: RedisAccessConfig = RedisAccessConfig()
    listen: Address = ""
    api: ApiConfig = ApiConfig()
    tls: TlsConfig = TlsConfig()
    drain: SecondsOrZero = 10.0
    log: LogConfig = LogConfig()
    scheduler: SchedulerConfig = SchedulerConfig()
    limits: LimitsConfig = LimitsConfig()
    journal: JournalConfig = JournalConfig()
    observers: ObserversConfig = ObserversConfig()
    watchdog: WatchdogConfig = WatchdogConfig()
    models: ModelsConfig = ModelsConfig()
    calls: CallsConfig = CallsConfig()
    policy: PolicyConfig = PolicyConfig()
    sandbox: SandboxConfig = SandboxConfig()
    plugins: dict[str, dict[str, Any]] = {}

    def __repr__(self) -> str:
        """Without the passwords that may be in it; what plugins are told is theirs alone."""
        told = (f"{n}={masked(n, getattr(self, n))!r}" for n in self.__struct_fields__[:-1])
        return f"Config({', '.join(told)}, plugins={list(self.plugins)})"

    @property
    def records_models(self) -> bool:
        """Whether the answers of models are kept in the journal."""
        record = self.models.record
        return record == "always" or (record == "auto" and bool(self.state_dir))
