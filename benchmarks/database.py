"""What a search of 20 000 structures leaves in AiiDA's database, and how fast the commands are on one with 20 searches.

Size: a search with the default batches is run in a temporary profile, all of AiiDA's steps for real. Only the driver
is replaced by a stand-in that hands back the starting points as relaxed: what is stored has the same size, and the
minutes of force calls are saved. `--aiida-path` measures an existing profile instead, which is only read.

Commands: 20 small searches with LAMMPS (5 pressures, 4 seeds), analysed by seed, in a second temporary profile; then
whole processes are timed from outside, in turn, the median of `--repeat`.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import stat
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from common import machine, save, timed

COMPOSITION, POTENTIAL = "TiO2", "matsui-akaogi"
PACKAGES = ("aiida-core", "click", "numpy", "lammps")
PRESSURES_GPA = (0.0, 10.0, 20.0, 40.0, 60.0)
SEEDS = 4
WANTED_SECONDS = {"aiida-polymorph --help": 0.5, "aiida-polymorph phases --json": 2.0}
AIIDA_ALONE = """
from aiida import load_profile, orm
load_profile()
orm.QueryBuilder().append(orm.Node).count()
"""
STAND_IN = """#!{python}
import os, sys
sys.path.insert(0, os.getcwd())
from pathlib import Path
from driver.job import END_MARKER, RESULTS_FILE, read_job
from driver.streaming import to_line
from driver.worker import record_of
job = read_job(Path())
known = dict(energy=-100.123456789, enthalpy=-90.123456789, max_force=5.123456789e-4, max_stress_error=5.123456789e-3,
             force_calls=98, cpu_seconds=0.123456789)
with open(RESULTS_FILE, "w") as file:
    file.writelines(to_line(record_of(job[row], None, "") | known) for row in range(len(job)))
print(END_MARKER)
"""
BY_KIND = "select coalesce(nullif(process_type, ''), node_type), count(*) from db_dbnode group by 1 order by 2 desc"


def arguments() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--number", type=int, default=20_000, help="structures of the search whose size is taken [20000]"
    )
    parser.add_argument("--small", type=int, default=20, help="structures of each of the 20 searches [20]")
    parser.add_argument("--repeat", type=int, default=5, help="how often each command is timed [5]")
    parser.add_argument("--aiida-path", type=Path, help="measure the size of the profile (SQLite) of this AIIDA_PATH")
    parser.add_argument("--profile", help="its name [the default profile]")
    return parser.parse_args()


def storage_folder(aiida_path: Path, profile: str | None = None) -> Path:
    """Return the folder with database and repository of a profile."""
    config = json.loads((aiida_path / ".aiida" / "config.json").read_text())
    return Path(config["profiles"][profile or config["default_profile"]]["storage"]["config"]["filepath"])


def storage_size(folder: Path) -> dict[str, Any]:
    """Return nodes by kind, rows by table, and the sizes of database and repository in MB; nothing is written."""
    database = folder / "database.sqlite"
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        tables = [name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")]
        rows = {name: connection.execute(f'select count(*) from "{name}"').fetchone()[0] for name in tables}
        kinds = dict(connection.execute(BY_KIND))
    files = [path.stat().st_size for path in (folder / "container").rglob("*") if path.is_file()]
    return {
        "nodes": rows["db_dbnode"],
        "nodes_by_kind": kinds,
        "rows": sum(rows.values()),
        "rows_by_table": {name: count for name, count in sorted(rows.items()) if count},
        "database_mb": database.stat().st_size / 1e6,
        "repository_mb": sum(files) / 1e6,
        "repository_files": len(files),
    }


def in_own_profile(task: str, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Run a task of this script in a process of its own, whose profile lies in `folder`: AiiDA has one a process."""
    environment = {**os.environ, "AIIDA_PATH": str(folder), "OMP_NUM_THREADS": "1"}
    code = f"import database; database.{task}(number={options.number}, small={options.small})"
    with timed() as elapsed:
        subprocess.run([sys.executable, "-c", code], env=environment, cwd=Path(__file__).parent, check=True)
    return {"wall": elapsed.wall, "cpu": elapsed.cpu}


def make_large_search(number: int, **_: Any) -> None:
    """Search with the stand-in for the driver, in batches of the default size."""
    _set_up()
    from aiida import orm

    from aiida_polymorph.workflows.machine import search_share

    path = Path(os.environ["AIIDA_PATH"]) / "stand-in"
    path.write_text(STAND_IN.format(python=sys.executable))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    code = orm.InstalledCode(orm.load_computer("localhost"), str(path), label="stand-in").store()
    _search(code, 20.0, number, 0, search_share(code, 1))


def make_small_searches(small: int, **_: Any) -> None:
    """Search at each pressure with each seed, and analyse what belongs to a seed."""
    _set_up()
    from aiida_polymorph.cli.analyse import analysis_builder, reference_set, run_analysis
    from aiida_polymorph.cli.nodes import find_code
    from aiida_polymorph.workflows.machine import search_share

    code = find_code(None)
    for seed in range(SEEDS):
        sets = [_search(code, p, small, seed, search_share(code, 1), (2, 3)) for p in PRESSURES_GPA]
        run_analysis(analysis_builder(sets, reference_set(sets, ()), protocol="fast"))


def _set_up() -> None:
    """Make a profile; what imports AiiDA comes after it, or a warning would be shown."""
    warnings.filterwarnings("ignore", message="Creating AiiDA configuration folder")
    from aiida_polymorph.cli.profiles import set_up

    set_up("benchmark")


def _search(
    code: Any, pressure_gpa: float, number: int, seed: int, share: dict[str, Any], sizes: Sequence[int] | None = None
) -> Any:
    from aiida_polymorph.cli.nodes import potential_node
    from aiida_polymorph.cli.processes import carry_out
    from aiida_polymorph.cli.search import check_finished, search_builder
    from aiida_polymorph.cli.watch import SearchWatch
    from aiida_polymorph.search.recipe import Recipe

    recipe = Recipe.propose(COMPOSITION, formula_units=sizes, seed=seed)
    builder = search_builder(recipe, potential_node(POTENTIAL), code, pressure_gpa, number, share)
    searches = carry_out([builder], SearchWatch(number))
    check_finished(searches)
    return searches[0].outputs.structures


def time_commands(aiida_path: Path, repeat: int) -> dict[str, dict[str, float]]:
    """Return the median wall and CPU time of each command as a whole process, in seconds."""
    page = str(aiida_path / "report.html")
    commands = {
        "aiida-polymorph --help": ["aiida-polymorph", "--help"],
        "aiida-polymorph phases --help": ["aiida-polymorph", "phases", "--help"],
        "verdi --help": ["verdi", "--help"],
        "AiiDA alone: profile loaded, nodes counted": ["python", "-c", AIIDA_ALONE],
        "aiida-polymorph phases --json": ["aiida-polymorph", "phases", "--json"],
        "aiida-polymorph phases --temperature 1600": ["aiida-polymorph", "phases", "--temperature", "1600"],
        "aiida-polymorph status": ["aiida-polymorph", "status", "--last", "20"],
        "aiida-polymorph report": ["aiida-polymorph", "report", "-o", page],
        "verdi process list -a": ["verdi", "process", "list", "-a"],
    }
    environment = {**os.environ, "AIIDA_PATH": str(aiida_path), "OMP_NUM_THREADS": "1"}
    programs = Path(sys.executable).parent
    times: dict[str, list[Any]] = {name: [] for name in commands}
    for _ in range(repeat):
        for name, (program, *args) in commands.items():
            with timed() as elapsed:
                subprocess.run([programs / program, *args], env=environment, capture_output=True, check=True)
            times[name].append(elapsed)
    return {
        name: {"wall": median(each.wall for each in found), "cpu": median(each.cpu for each in found)}
        for name, found in times.items()
    }


def describe_size(size: dict[str, Any]) -> str:
    """Return the size of a profile as text."""
    rows = ", ".join(f"{name.removeprefix('db_')} {count}" for name, count in size["rows_by_table"].items())
    return (
        f"{size['nodes']} nodes, {size['rows']} rows ({rows}); database {size['database_mb']:.2f} MB, "
        f"repository {size['repository_mb']:.1f} MB in {size['repository_files']} files"
    )


def main() -> None:
    """Run the benchmark, print and save it."""
    options = arguments()
    results: dict[str, Any] = {"machine": machine(PACKAGES), "number": options.number, "small": options.small}
    with tempfile.TemporaryDirectory(prefix="polymorph-benchmark-") as name:
        large, small = Path(name) / "large", Path(name) / "small"
        if options.aiida_path:
            results["size"] = storage_size(storage_folder(options.aiida_path, options.profile))
        else:
            large.mkdir()
            made = in_own_profile("make_large_search", large, options)
            results["size"] = {**storage_size(storage_folder(large)), "made_in": made}
        print(describe_size(results["size"]), flush=True)
        small.mkdir()
        results["searches_made_in"] = in_own_profile("make_small_searches", small, options)
        results["searches_size"] = storage_size(storage_folder(small))
        results["commands"] = time_commands(small, options.repeat)
    for command, seconds in results["commands"].items():
        wanted = f" (wanted: below {WANTED_SECONDS[command]:g} s)" if command in WANTED_SECONDS else ""
        print(f"{command:44} {seconds['wall']:6.2f} s, CPU {seconds['cpu']:.2f} s{wanted}")
    print(save("database", results))


if __name__ == "__main__":
    main()
