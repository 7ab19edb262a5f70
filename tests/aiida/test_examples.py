"""Every script in examples/ is run, and every block of README and docs is run or, where it can't be, checked."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import re
import shlex
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
import yaml
from ase import Atoms
from ase.build import bulk
from ase.spacegroup import crystal

from aiida_polymorph.calculations.evaluate_set import EvaluateSetCalculation
from aiida_polymorph.calculations.relax_set import RelaxSetCalculation
from aiida_polymorph.cli import main
from aiida_polymorph.engines import load_engine
from aiida_polymorph.landscape.settings import AnalysisSettings
from aiida_polymorph.local.relaxation import relax
from aiida_polymorph.potential import Potential
from aiida_polymorph.relaxation.driver.parameters import RelaxParameters
from aiida_polymorph.search.recipe import Recipe
from aiida_polymorph.structures import StructureSet
from aiida_polymorph.workflows.dft_scan import DftScanWorkChain
from aiida_polymorph.workflows.evaluate_set import EvaluateSetWorkChain
from aiida_polymorph.workflows.harmonic_set import HarmonicSetWorkChain
from aiida_polymorph.workflows.landscape import LandscapeWorkChain
from aiida_polymorph.workflows.predict import PredictWorkChain
from aiida_polymorph.workflows.pressure_chain import PressureChainWorkChain
from aiida_polymorph.workflows.relax_set import RelaxSetWorkChain
from aiida_polymorph.workflows.search import SearchWorkChain

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
    return profile.example("search", "20", "45")


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
        "free_energy",
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


@pytest.mark.long
def test_free_energy(profile):
    printed = profile.example("free_energy")
    gibbs_energy = re.search(r"^G +(\S+) \+- (\S+) eV, \d+ steps", printed, re.M)
    assert float(gibbs_energy[1]) == pytest.approx(-38.813, abs=0.012)
    hot = re.search(r"1000 K +(\S+) \+- (\S+) eV", printed)
    assert float(hot[1]) == pytest.approx(-38.530, abs=0.017)


def test_search(searched):
    assert "45 of 45 relaxed, failed: {}" in searched
    assert re.search(r"Lowest enthalpy: -36\.\d+ eV per TiO2", searched)


def test_landscape(analysed):
    assert re.search(r"20 GPa: 45 structures, \d+ phases found at least 3 times, eps \S+", analysed)
    assert re.search(r"^\S+ +20 GPa  0\.000 eV above the hull at 1600 K, from \w+", analysed, re.M)


def test_queries(profile, analysed):
    printed = profile.example("queries")
    assert re.search(r"^  \d+: 45 structures, 45 converged", printed, re.M)
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


def test_python_blocks_run(profile):
    """Page by page, the blocks of each one after the other, as a reader would."""
    pages: dict[Path, str] = {}
    for page, match in blocks("python"):
        pages[page] = pages.get(page, "") + match["text"]
    lines = [f"exec(compile({text!r}, {str(page)!r}, 'exec'), {{}})" for page, text in pages.items()]
    script = profile.folder / "blocks.py"
    script.write_text("\n".join(["from aiida import load_profile", "load_profile()", *lines]))
    printed = profile.run(sys.executable, str(script))
    shown = {"README.md", "development.md", "inputs.md", "own_material.md", "python.md", "tutorial.md"}
    assert {page.name for page in pages} == shown
    for expected in ("eV per TiO2", "rutile       P4_2/mnm", "minima missing", "kB per formula unit"):
        assert expected in printed


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


@pytest.mark.integration
def test_cluster_can_be_set_up(profile):
    """As far as it goes without the cluster: the files of the text are taken as they are."""
    texts = {"cluster": "hostname:", "code": "filepath_executable:"}
    for name, key in texts.items():
        (text,) = [match["text"] for page, match in blocks("yaml") if key in match["text"]]
        (profile.folder / f"{name}.yaml").write_text(textwrap.dedent(text))
    profile.run("verdi", "computer", "setup", "--non-interactive", "--config", "cluster.yaml")
    profile.run("verdi", "code", "create", "core.code.installed", "--non-interactive", "--config", "code.yaml")
    assert "polymorph-relax@cluster" in profile.run("verdi", "code", "list", "--all")


def test_all_inputs_are_documented():
    text = (ROOT / "docs" / "inputs.md").read_text()
    classes = (Recipe, RelaxParameters, AnalysisSettings, Potential)
    keys = {field.name for each in classes for field in dataclasses.fields(each)}
    assert {key for key in keys if f"| `{key}` |" not in text} == set()


def test_all_inputs_of_scans_are_documented():
    text = (ROOT / "docs" / "inputs.md").read_text().split("## Enthalpy scans")[1].split("\n**castep**")[0]
    for process in (DftScanWorkChain, PressureChainWorkChain):
        ports = {*process.spec().inputs, *process.spec().outputs} - {"metadata"}
        assert {name for name in ports if f"`{name}`" not in text} == set(), process


@pytest.mark.parametrize("name", ["castep", "lammps", "quantum-espresso"])
def test_settings_of_engines_are_documented(name):
    """Each setting has a row, and numbers in it are those of the protocols."""
    engine = load_engine(name)
    (text,) = re.findall(rf"^\*\*{name}\*\*.*?(?=^\*\*|^## )", (ROOT / "docs" / "inputs.md").read_text(), re.M | re.S)
    columns, _, *rows = [
        [cell.strip("` ") for cell in line.split("|")[1:-1]] for line in re.findall(r"^\|.*\|$", text, re.M)
    ]
    assert columns[1:5] == list(engine.content()["protocols"]) == ["fast", "moderate", "precise", "paper"]
    assert set(engine.content()["default_inputs"]) <= {row[0] for row in rows}
    for protocol, cells in zip(columns[1:5], list(zip(*rows, strict=True))[1:5], strict=True):
        for row, cell in zip(rows, cells, strict=True):
            value = engine.parameters(protocol)
            for step in row[0].split("."):
                value = value[step]
            assert not isinstance(value, int | float) or float(cell) == value, (protocol, row[0])


def test_all_exit_codes_are_documented():
    text = (ROOT / "docs" / "inputs.md").read_text().split("## Exit codes")[1]
    scans = (DftScanWorkChain, PressureChainWorkChain)
    relaxations = (RelaxSetCalculation, RelaxSetWorkChain)
    evaluations = (EvaluateSetCalculation, EvaluateSetWorkChain)
    predictions = (HarmonicSetWorkChain, PredictWorkChain)
    for process in (*relaxations, *evaluations, *predictions, SearchWorkChain, LandscapeWorkChain, *scans):
        own = {code.status for code in process.exit_codes.values() if code.status >= 300}
        assert {status for status in own if str(status) not in text} == set(), process


def potentials() -> list[tuple[str, str]]:
    return [(page.stem, match["text"]) for page, match in blocks("yaml") if "backend:" in match["text"]]


@pytest.mark.parametrize(("page", "text"), potentials())
def test_potentials_in_the_text_are_valid(page, text):
    entries = yaml.safe_load(text)
    Potential.from_dict({**entries, "files": dict.fromkeys(entries.get("files", []), "")})


def test_potentials_in_the_text_relax_structures():
    known = {entries["name"]: entries for _, text in potentials() if (entries := yaml.safe_load(text))}
    cells = {"bks-silica": quartz(), "lennard-jones-argon": bulk("Ar", "fcc", a=5.3, cubic=True)}
    for name, atoms in cells.items():
        relaxed = relax(StructureSet.from_atoms([atoms]), Potential.from_dict(known[name]), pressure_gpa=0.0)
        assert relaxed.columns["reason"].tolist() == [""], name


def quartz() -> Atoms:
    sites = [(0.4697, 0, 1 / 3), (0.4135, 0.2669, 0.2144)]
    return crystal(["Si", "O"], sites, spacegroup=152, cellpar=[4.916, 4.916, 5.405, 90, 90, 120])
