"""Profiles: loading one, and making one usable."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from aiida import orm
    from aiida.manage.configuration.config import Config

PROFILE_NAME = "polymorph"
COMPUTER = "localhost"
RELAX_CODE = "polymorph-relax"
LAMMPS_CODE = "lmp"
RELAX_PLUGIN = "polymorph.relax_set"
PROFILE_OPTIONS = {
    "runner.poll.interval": 1,
    # Two seconds, the default, are too few on a busy machine: a start that fails leaves the daemon down.
    "daemon.timeout": 20,
    # A search or scan that is run again takes up the jobs that it has.
    "caching.enabled_for": ["*polymorph*", "aiida.calculations:castep.*", "aiida.calculations:quantumespresso.*"],
}


@dataclass(frozen=True)
class Item:
    """One thing that a profile needs, and whether it was made just now."""

    what: str
    made: bool


def open_profile(name: str | None) -> None:
    """Load a profile, the default one without a name.

    Raises:
        click.ClickException: if there is none.
    """
    find_own_executables()
    from aiida.common.exceptions import ConfigurationError
    from aiida.manage.configuration import load_profile

    try:
        load_profile(name)
    except ConfigurationError as error:
        hint = f"`aiida-polymorph setup{f' --profile {name}' if name else ''}` makes one"
        raise click.ClickException(f"{str(error).strip() or 'there is no AiiDA profile'}; {hint}") from error


def find_own_executables() -> None:
    """Put this environment's programs on PATH: AiiDA starts its daemon through `verdi`, found when it is imported."""
    own = str(Path(sys.executable).parent)
    path = os.environ.get("PATH", "")
    if own not in path.split(os.pathsep):
        os.environ["PATH"] = os.pathsep.join([own, path])


def set_up(name: str | None) -> list[Item]:
    """Make a profile with what the searches need, or add to one what it lacks; the profile is loaded afterwards.

    Args:
        name: of the profile; without it the default one, or `polymorph` where there is none.
    """
    find_own_executables()
    from aiida.manage.configuration import get_config, load_profile

    config = get_config(create=True)
    name = name or config.default_profile_name or PROFILE_NAME
    items = [_ensure_profile(config, name)]
    load_profile(name, allow_switch=True)
    computer, computer_item = _ensure_computer(Path(config.dirpath) / "scratch" / name)
    items += [computer_item, _ensure_code(computer, RELAX_CODE, sys.executable, RELAX_PLUGIN)]
    lammps = _own_program("lmp")
    if lammps:
        items.append(_ensure_code(computer, LAMMPS_CODE, lammps, "lammps.raw"))
    return items


def _ensure_profile(config: Config, name: str) -> Item:
    if name in config.profile_names:
        return Item(f"profile {name}", made=False)
    from aiida.manage.configuration import create_profile
    from aiida.plugins import BrokerFactory

    create_profile(
        config,
        name=name,
        email=config.get_option("autofill.user.email") or "aiida@localhost",
        storage_backend="core.sqlite_dos",
        storage_config={},
        broker_backend="core.zeromq",
        broker_config=BrokerFactory("core.zeromq").get_default_config(),
    )
    for option, value in PROFILE_OPTIONS.items():
        config.set_option(option, value, scope=name)
    config.set_default_profile(name, overwrite=False)
    config.store()
    return Item(f"profile {name} (SQLite, ZeroMQ broker)", made=True)


def _ensure_computer(workdir: Path) -> tuple[orm.Computer, Item]:
    from aiida import orm
    from aiida.common.exceptions import NotExistent

    try:
        computer = orm.Computer.collection.get(label=COMPUTER)
        made = False
    except NotExistent:
        computer = orm.Computer(
            label=COMPUTER,
            hostname="localhost",
            description="This machine; jobs start at once, without a scheduler",
            transport_type="core.local",
            scheduler_type="core.direct",
            workdir=str(workdir),
        ).store()
        computer.set_default_mpiprocs_per_machine(1)
        made = True
    if not computer.is_configured:
        # A login shell may take longer to start than all that it is asked to do, which is a look a second at the jobs.
        computer.configure(safe_interval=0, use_login_shell=False)
        computer.set_minimum_job_poll_interval(1)
        made = True
    return computer, Item(f"computer {COMPUTER}", made)


def _ensure_code(computer: orm.Computer, label: str, executable: str, plugin: str) -> Item:
    from aiida import orm

    what = f"code {label}@{computer.label} ({executable})"
    found: list[Any] = orm.InstalledCode.collection.find({"label": label, "dbcomputer_id": computer.pk})
    for code in found:
        if str(code.filepath_executable) == executable:
            return Item(what, made=False)
        code.label, code.is_hidden = f"{label}-{code.pk}", True
    orm.InstalledCode(
        label=label,
        computer=computer,
        filepath_executable=executable,
        default_calc_job_plugin=plugin,
        with_mpi=False,
        use_double_quotes=True,
    ).store()
    return Item(what, made=True)


def _own_program(name: str) -> str | None:
    """Return the program of this environment, or one on PATH."""
    own = Path(sys.executable).parent / name
    return str(own) if own.exists() else shutil.which(name)
