"""What validators of inputs share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aiida import orm

LAMMPS_PLUGINS = ("lammps.raw", "lammps.base", "polymorph.dynamics")
"""Plugins whose codes are LAMMPS's executable: aiida-lammps's two calculations, and molecular dynamics here."""


def problem_of(function: Callable[..., Any], *args: Any, **kwargs: Any) -> str | None:
    """Return the message of the ValueError or TypeError that a call raises, None if it raises none."""
    try:
        function(*args, **kwargs)
    except (TypeError, ValueError) as error:
        return str(error)
    return None


def problem_of_lammps_code(code: orm.AbstractCode | None, _: Any = None) -> str | None:
    """Return why a code can't be LAMMPS's executable, None if it can: it is set up for LAMMPS, or for nothing."""
    plugin = code.default_calc_job_plugin if code else None
    if code is None or not plugin or plugin in LAMMPS_PLUGINS:
        return None
    return (
        f"code {code.full_label} is set up for {plugin}; molecular dynamics needs LAMMPS's executable, as a code that "
        f"is set up for {' or '.join(LAMMPS_PLUGINS)}"
    )


def problem_of_relax_code(code: orm.AbstractCode | None, _: Any = None) -> str | None:
    """Return why a code can't run relaxations, None if it can: any Python may, LAMMPS's executable can't."""
    plugin = code.default_calc_job_plugin if code else None
    if code is None or plugin not in LAMMPS_PLUGINS:
        return None
    return (
        f"code {code.full_label} is set up for {plugin}, so it is LAMMPS's executable; relaxations need a Python with "
        "NumPy and the Python package of LAMMPS, or with ASE"
    )
