"""`serve`: run the daemon in the foreground, with its logs on standard error."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from warmline.interfaces.cli.arguments import duration, whole
from warmline.interfaces.cli.commands import Commands
from warmline.interfaces.cli.output import explained

if TYPE_CHECKING:
    from warmline.settings import Settings


def add_parsers(commands: Commands) -> None:
    """Add the command."""
    serve = commands.add_parser("serve", description=_serve.__doc__)
    serve.add_argument("--host", type=_host, metavar="ADDRESS", help="the address or name to listen on (127.0.0.1)")
    serve.add_argument(
        "--port", type=whole(0, 65535), metavar="N", help="the TCP port to listen on; 0 picks a free one (9276)"
    )
    serve.add_argument("--tls-cert", type=_file, metavar="FILE", help="serve TLS over TCP by this certificate (PEM)")
    serve.add_argument("--tls-key", type=_file, metavar="FILE", help="its key (PEM, mode 0600)")
    serve.add_argument(
        "--unencrypted",
        action="store_true",
        default=None,
        help="let other machines in without TLS: who listens in reads all",
    )
    serve.add_argument("--log-format", choices=("text", "json"), default="text", help="for people or for programs")
    serve.add_argument("--json", dest="log_format", action="store_const", const="json", help="the same as json logs")
    serve.add_argument(
        "--idle-leave", type=duration, metavar="TIME", help="leave after this long without work: 15m (never)"
    )
    serve.add_argument("--background", action="store_true", help=argparse.SUPPRESS)
    serve.add_argument("--announce", type=int, help=argparse.SUPPRESS)
    serve.set_defaults(run=_serve)


def _host(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("an empty host would be every network: write 0.0.0.0 for that")
    return text


def _file(text: str) -> Path:
    return Path(text).expanduser().absolute()


def _serve(options: argparse.Namespace) -> int:
    """Run the daemon until SIGTERM or Ctrl-C; answers in progress get ten seconds to finish."""
    from warmline import daemon
    from warmline.errors import WarmlineError

    os.umask(0o077)  # nothing that the daemon or its indexer makes has rights for others
    announced = False

    def on_ready(_: str | None) -> None:
        nonlocal announced
        announced = True
        if options.announce is not None:
            daemon.announce(options.announce, None)

    try:
        _serve_home(options, on_ready)
    except (WarmlineError, OSError, ImportError) as error:
        if options.announce is not None and not announced:
            daemon.announce(options.announce, explained(error))
        raise
    return 0


def _serve_home(options: argparse.Namespace, on_ready: Callable[[str | None], None]) -> None:
    import uvloop

    from warmline import __version__, daemon
    from warmline.home import find_home
    from warmline.interfaces.cli.logs import set_up_logging
    from warmline.interfaces.serve import serve
    from warmline.settings import Settings

    home = find_home(options.home)
    with daemon.own(home, __version__) as owner:
        set_up_logging(options.log_format, home.log if options.background else None)
        settings = _settings(Settings(), options)
        leaves = options.background or options.idle_leave is not None
        uvloop.run(serve(home, settings, owner, leave_when_idle=leaves, on_ready=on_ready))


def _settings(settings: Settings, options: argparse.Namespace) -> Settings:
    """Return them with what the command line says in their place."""
    from dataclasses import replace

    chosen = {
        "host": options.host,
        "port": options.port,
        "idle_leave": options.idle_leave,
        "tls_cert": options.tls_cert,
        "tls_key": options.tls_key,
        "unencrypted": options.unencrypted,
    }
    said = {name: value for name, value in chosen.items() if value is not None}
    return replace(settings, daemon=replace(settings.daemon, **said))
