"""``retinue run``."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Any

import click

from ..text import color_wanted, one_line
from .options import Cli, local
from .output import json_line

__all__ = ["command"]

_SETTINGS = {
    "log_level": "log.level",
    "log_format": "log.format",
    "tls_cert": "tls.cert_file",
    "tls_key": "tls.key_file",
}
"""Flags that are called other than what they set."""


@click.command("run")
@click.option("--name", help="The kernel's name, part of its channels and its folder.  [main]")
@click.option("--redis", metavar="URL|auto|none", help="Where events are mirrored to.  [auto]")
@click.option("--drain", metavar="SECONDS", help="How long a stop waits for running tasks.  [10]")
@click.option(
    "--listen", metavar="HOST:PORT", help="Where the API is reached over TCP, with tokens."
)
@click.option("--tls-cert", metavar="FILE", help="The certificate that is shown over TCP, as PEM.")
@click.option("--tls-key", metavar="FILE", help="Its key, as PEM.")
@click.option("--behind-proxy", is_flag=True, help="TLS ends at a proxy in front of --listen.")
@click.option("--log-level", metavar="LEVEL", help="debug, info, warning or error.  [info]")
@click.option("--log-format", metavar="FORMAT", help="human or json.  [human]")
@local
def command(cli: Cli, behind_proxy: bool, **flags: Any) -> None:  # noqa: FBT001  click's order
    r"""Run a daemon in the foreground.

    It takes tasks over a Unix socket in its folder, logs on stderr, and says on stdout when it
    is ready. SIGTERM or Ctrl-C lets running tasks end; a second one cancels them.

    \b
    Examples:
      retinue run
      retinue run --name lab --redis redis://localhost:6379
      retinue run --listen 127.0.0.1:8787
      retinue run --listen 0.0.0.0:8787 --tls-cert cert.pem --tls-key key.pem
      RETINUE_PLUGINS_FILES_ROOTS='["/srv/docs"]' retinue run --log-format json
    """
    from .. import logs
    from ..daemon import Daemon
    from ..guarded import guard_output

    given = {_SETTINGS.get(name, name): value for name, value in flags.items()}
    config, _ = cli.settings(**{"api.behind_proxy": behind_proxy or None}, **given)
    color = color_wanted(os.environ, sys.stderr)
    daemon = Daemon(config)
    guard_output(daemon.secrets)
    log = config.log
    logs.configure(log.level, log.format, sys.stderr, color=color, secrets=daemon.secrets)
    daemon.run(lambda about: _ready(cli, about))


def _ready(cli: Cli, about: dict[str, Any]) -> None:
    with suppress(BrokenPipeError):  # whoever started it no longer listens
        if cli.as_json:
            json_line(about)
        else:
            said = f"{about['name']} is ready: pid {about['pid']}, {about['socket']}, "
            said += f"{about['url']}, " if "url" in about else ""
            click.echo(one_line(f"{said}redis: {about['redis']}"))
        sys.stdout.flush()
