"""`setup`: make a profile usable."""

from __future__ import annotations

import click

from aiida_polymorph.cli.options import AS_JSON
from aiida_polymorph.cli.output import print_json


@click.command("setup")
@click.option("-p", "--profile", "profile_name", metavar="NAME", help="Profile to make or complete.")
@AS_JSON
def setup_command(profile_name: str | None, as_json: bool) -> None:
    """Make an AiiDA profile usable: the computer `localhost` and the codes for relaxations and LAMMPS.

    Takes the default profile; where there is none, or NAME is new, one with SQLite and the ZeroMQ broker is made,
    which needs no service. What is there already is left alone, so running it again changes nothing.

    \b
    Examples:
      aiida-polymorph setup
      aiida-polymorph setup --profile titania
    """
    from aiida_polymorph.cli.profiles import set_up

    items = set_up(profile_name)
    if as_json:
        print_json([{"what": item.what, "made": item.made} for item in items])
        return
    for item in items:
        click.echo(f"{'made' if item.made else 'there already'}: {item.what}")
    if not any(item.made for item in items):
        click.echo("Nothing to do.")
