"""Every script in examples/ is run, and every block of README and docs is run or, where it can't be, checked."""

from __future__ import annotations

import itertools
import json
import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from ase import Atoms
from ase.build import bulk
from ase.io import write
from ase.spacegroup import crystal

from aiida_polymorph.cli import main
from aiida_polymorph.potential import Potential

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"(?P<run><!-- run -->\n)?^(?P<indent> *)```(?P<kind>\w+)\n(?P<text>.*?)^ *```$", re.M | re.S)
TEXT_FILES = (".res", ".cif", ".extxyz", ".gz", ".yaml")

pytestmark = pytest.mark.usefixtures("needs_lammps")


class Profile:
    """A profile of its own with what `aiida-polymorph setup` makes, for programs that run beside this one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        self.environment = {**os.environ, "AIIDA_PATH": str(folder), "PATH": path, "OMP_NUM_THREADS": "1"}
        self.environment |= {"COLUMNS": "200", "HOME": str(folder)}

    def run(self, *command: str, check: bool = True) -> str:
        """Run a command and return what it printed."""
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=300, check=False
        )
        assert not check or done.returncode == 0, f"{shlex.join(command)}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def example(self, name: str, *arguments: str, check: bool = True) -> str:
        """Run a script of examples/ as a user does."""
        return self.run("verdi", "run", str(ROOT / "examples" / f"{name}.py"), *arguments, check=check)


@pytest.fixture(scope="module")
def profile(tmp_path_factory):
    profile = Profile(tmp_path_factory.mktemp("examples"))
    profile.run("aiida-polymorph", "setup")
    return profile


@pytest.fixture(scope="module")
def searched(profile):
    return profile.example("search", "20", "60")


@pytest.fixture(scope="module")
def analysed(profile, searched):
    return profile.example("landscape")


def blocks(kind: str) -> list[tuple[Path, re.Match]]:
    return [(page, match) for page in PAGES for match in BLOCK.finditer(page.read_text()) if match["kind"] == kind]


def commands(text: str) -> list[list[str]]:
    lines = re.findall(r"^ *\$ (.*)$", text.replace("\\\n", " "), re.M)
    return [shlex.split(line, comments=True) for line in lines]


def test_every_example_is_known():
    assert {path.stem for path in (ROOT / "examples").glob("*.py")} == {
        "landscape",
        "queries",
        "relax_set",
        "search",
        "submit",
    }


def test_relax_set(profile):
    printed = profile.example("relax_set")
    assert "8 of 8 relaxed" in printed
    rutile = re.search(r"rutile +0 GPa +(\S+) eV +(\S+) A\^3 +(\S+)", printed)
    assert float(rutile[1]) == pytest.approx(-39.806, abs=0.002)
    assert rutile[3] == "P4_2/mnm"


def test_search(searched):
    assert "60 of 60 relaxed, failed: {}" in searched
    assert re.search(r"Lowest enthalpy: -36\.\d+ eV per TiO2", searched)


def test_landscape(analysed):
    assert re.search(r"20 GPa: 60 structures, \d+ phases found at least 3 times, eps \S+", analysed)
    assert re.search(r"^\S+ +20 GPa  0\.000 eV above the hull at 1600 K, from \w+", analysed, re.M)


def test_queries(profile, analysed):
    printed = profile.example("queries")
    assert re.search(r"^  \d+: 60 structures, 60 converged", printed, re.M)
    assert re.search(r"^ +20 GPa +\S+ +0\.00 kcal/mol", printed, re.M)
    assert re.search(r"Searches that found \S+:\n  20 GPa: SearchWorkChain<\d+> 'TiO2 at 20 GPa', jobs \d+", printed)


def test_submit_says_that_the_daemon_is_down(profile):
    assert "the daemon is not running" in profile.example("submit", check=False)


@pytest.mark.integration
def test_submit(profile):
    profile.run("verdi", "daemon", "start")
    try:
        pk = re.search(r"Submitted SearchWorkChain<(\d+)>", profile.example("submit", "12"))[1]
        deadline = time.monotonic() + 240
        while (state := search_state(profile, pk))["state"] == "under way" and time.monotonic() < deadline:
            time.sleep(1)
        assert state["relaxed"] == 12
    finally:
        profile.run("verdi", "daemon", "stop")


def search_state(profile, pk):
    return json.loads(profile.run("aiida-polymorph", "status", pk, "--json"))[0]


def python_pages() -> list[Path]:
    return list(dict.fromkeys(page for page, _ in blocks("python")))


@pytest.mark.parametrize("page", python_pages(), ids=lambda page: page.stem)
def test_python_blocks_run(profile, page):
    texts = [match["text"] for where, match in blocks("python") if where == page]
    script = profile.folder / f"{page.stem}_blocks.py"
    # As a module with a guard: the driver of a relaxation starts processes of its own.
    script.write_text("from aiida import load_profile\nload_profile()\n" + "\n".join(texts))
    assert profile.run(sys.executable, str(script)).strip()


@pytest.mark.integration
def test_quick_start_runs(profile):
    """Numbers in the text stand for nodes: those that the commands before it printed take their places."""
    (text,) = [match["text"] for page, match in blocks("console") if match["run"]]
    printed: list[str] = []
    for words in commands(text):
        if words[1] == "analyse":
            words = [*words[:2], *re.findall(r"^ *(\d+) +\d+ +\d+ +\d+ ", printed[-1], re.M)]
            assert len(words) == 4
        printed.append(profile.run(*words))
    names = ["search", "analyse", "phases", "explain", "report"]
    for name, expected in zip(names, ["relaxed", "phases", "rutile", "rutile", "report.html"], strict=True):
        assert expected in printed[names.index(name)], name
    page = (profile.folder / "report.html").read_text()
    assert "TiO2" in page or "TiO<sub>2" in page


def shown_commands(program: str) -> list[list[str]]:
    every = [words for _, match in blocks("console") for words in commands(match["text"])]
    return [words[1:] for words in every if words[0] == program]


@pytest.mark.parametrize("words", shown_commands("aiida-polymorph"), ids=" ".join)
def test_commands_are_understood(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for word in words:
        if word.endswith(TEXT_FILES):
            Path(word).parent.mkdir(parents=True, exist_ok=True)
            Path(word).touch()
    main.get_command(None, words[0]).make_context(words[0], words[1:])


@pytest.mark.parametrize("words", shown_commands("verdi"), ids=" ".join)
def test_commands_of_aiida_exist(profile, words):
    path = list(itertools.takewhile(lambda word: not word.startswith("-"), words))
    usage = profile.run("verdi", *path[:3] if "core" not in " ".join(path) else path[:4], "--help")
    assert all(option in usage for option in words if option.startswith("--"))


@pytest.mark.parametrize("target", sorted({words[0] for words in shown_commands("make")}))
def test_targets_of_make_exist(target):
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.M)


def potentials() -> list[tuple[str, str]]:
    return [(page.stem, match["text"]) for page, match in blocks("yaml") if "engine:" in match["text"]]


@pytest.mark.parametrize(("page", "text"), potentials())
def test_potentials_in_the_text_are_valid(page, text):
    entries = yaml.safe_load(text)
    Potential.from_dict({**entries, "files": dict.fromkeys(entries.get("files", []), "")})


def test_potentials_in_the_text_relax_structures(profile):
    known = {entries["name"]: entries for _, text in potentials() if (entries := yaml.safe_load(text))}
    cells = {"bks-silica": quartz(), "lennard-jones-argon": bulk("Ar", "fcc", a=5.3, cubic=True)}
    for name, atoms in cells.items():
        (profile.folder / f"{name}.yaml").write_text(yaml.safe_dump(known[name]))
        write(profile.folder / f"{name}.cif", atoms)
        printed = profile.run(
            "aiida-polymorph", "relax", f"{name}.cif", "--potential", f"{name}.yaml", "--pressure", "0"
        )
        assert re.search(rf"^{name} +0 .* yes", printed, re.M), printed


def quartz() -> Atoms:
    sites = [(0.4697, 0, 1 / 3), (0.4135, 0.2669, 0.2144)]
    return crystal(["Si", "O"], sites, spacegroup=152, cellpar=[4.916, 4.916, 5.405, 90, 90, 120])
