"""The builder of each protocol of each WorkChain, compared with what is stored in `golden/protocols`.

After a change that is meant, `WRITE_GOLDEN=1 pytest tests/aiida/test_protocol_builders.py` writes the files anew.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import dft
import pytest
from aiida import orm

from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.engines import load_engine
from aiida_polymorph.machine import Machine
from aiida_polymorph.references import load_references
from aiida_polymorph.search.recipe import Recipe
from aiida_polymorph.thermodynamics.surfaces.region import Region
from aiida_polymorph.workflows.dft_scan import DftScanWorkChain
from aiida_polymorph.workflows.evaluate_set import EvaluateSetWorkChain
from aiida_polymorph.workflows.free_energy import FreeEnergyWorkChain
from aiida_polymorph.workflows.harmonic import HarmonicWorkChain
from aiida_polymorph.workflows.harmonic_set import HarmonicSetWorkChain
from aiida_polymorph.workflows.integrate import IntegrateWorkChain
from aiida_polymorph.workflows.landscape import LandscapeWorkChain
from aiida_polymorph.workflows.predict import PredictWorkChain
from aiida_polymorph.workflows.relax_set import RelaxSetWorkChain
from aiida_polymorph.workflows.search import SearchWorkChain

GOLDEN = Path(__file__).parent / "golden" / "protocols"
NAMES = ["fast", "moderate", "precise"]
WITH_PAPER = [*NAMES, "paper"]


def serialised(value: Any) -> Any:
    """Return inputs as JSON knows them: values as they are, other nodes by their class."""
    if isinstance(value, Mapping):
        return {key: serialised(entry) for key, entry in sorted(value.items())}
    if isinstance(value, orm.Dict):
        return value.get_dict()
    if isinstance(value, orm.List):
        return value.get_list()
    if isinstance(value, orm.Float | orm.Int | orm.Bool | orm.Str):
        return value.value
    return f"<{type(value).__name__}>" if isinstance(value, orm.Node) else value


@pytest.fixture
def structures():
    known = load_references("TiO2").select([0, 1])
    return known.with_columns(pressure_gpa=[20.0, 20.0], enthalpy=[-60.0, -60.0])


@pytest.fixture
def builders(structures, relax_code, matsui_akaogi, monkeypatch) -> dict[str, Callable[[str], Any]]:
    """WorkChain, or engine of a scan -> what returns its builder by protocol, on a machine with four cores."""
    monkeypatch.setattr("aiida_polymorph.workflows.machine.machine_of", lambda _: Machine(True, False, cores=4))
    nodes, crystal = StructureSetData.from_set(structures), orm.StructureData(ase=structures[0])
    phase = (relax_code, crystal, matsui_akaogi)
    named = StructureSetData.from_set(structures.with_columns(space_group=["P4_2/mnm", "Pa-3"]))
    return {
        "relax_set": lambda name: RelaxSetWorkChain.get_builder_from_protocol(
            relax_code, nodes, matsui_akaogi, 20, name
        ),
        "evaluate_set": lambda name: EvaluateSetWorkChain.get_builder_from_protocol(
            relax_code, nodes, matsui_akaogi, name
        ),
        "harmonic_set": lambda name: HarmonicSetWorkChain.get_builder_from_protocol(
            relax_code, named, matsui_akaogi, Region((300, 2000), (0, 20)), name
        ),
        "predict": lambda name: PredictWorkChain.get_builder_from_protocol(
            relax_code, matsui_akaogi, "TiO2", [0, 20], [300, 2000], nodes, {"earlier": nodes}, relax_code, name
        ),
        "search": lambda name: SearchWorkChain.get_builder_from_protocol(
            relax_code, matsui_akaogi, Recipe.propose("TiO2"), 20, 100, name
        ),
        "landscape": lambda name: LandscapeWorkChain.get_builder_from_protocol(
            {"gpa_20": nodes}, nodes, relax_code, matsui_akaogi, name
        ),
        "free_energy": lambda name: FreeEnergyWorkChain.get_builder_from_protocol(*phase, 1000, 20, name),
        "harmonic": lambda name: HarmonicWorkChain.get_builder_from_protocol(*phase, 1000, 20, name),
        "integrate": lambda name: IntegrateWorkChain.get_builder_from_protocol(*phase, [700, 1000], [0, 20], name),
        "dft_scan_lammps": lambda name: DftScanWorkChain.get_builder_from_protocol(
            "lammps", relax_code, dft.phases_of(["rutile"]), [0, 20], potential=matsui_akaogi, protocol=name
        ),
    }


WITHOUT_PAPER = (
    "relax_set",
    "evaluate_set",
    "search",
    "harmonic_set",
    "predict",
    "free_energy",
    "harmonic",
    "integrate",
)
CASES = [
    *((name, protocol) for name in WITHOUT_PAPER for protocol in NAMES),
    *((name, protocol) for name in ("landscape", "dft_scan_lammps") for protocol in WITH_PAPER),
]


def compare(name: str, inputs: Mapping[str, Any]) -> None:
    """Compare inputs with a stored file, or write it."""
    path = GOLDEN / f"{name}.json"
    if os.environ.get("WRITE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(inputs, indent=2, sort_keys=True) + "\n")
    assert json.loads(path.read_text()) == json.loads(json.dumps(inputs)), path.name


@pytest.mark.parametrize(("name", "protocol"), CASES)
def test_builder(builders, name, protocol):
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*means nothing|.*is now called")
        builder = builders[name](protocol)
    compare(f"{name}-{protocol}", serialised(builder._inputs(prune=True)))


@pytest.mark.parametrize("protocol", WITH_PAPER)
@pytest.mark.parametrize("engine", ["castep", "quantum-espresso"])
def test_settings_of_dft_engines(engine, protocol):
    compare(f"{engine}-{protocol}", load_engine(engine).parameters(protocol))


def test_no_file_is_left_over():
    cases = [*CASES, *((engine, protocol) for engine in ("castep", "quantum-espresso") for protocol in WITH_PAPER)]
    assert {path.stem for path in GOLDEN.iterdir()} == {f"{name}-{protocol}" for name, protocol in cases}


@pytest.mark.parametrize(("former", "present"), [("stringent", "precise"), ("balanced", "moderate")])
def test_former_names_stand_for_the_same(builders, former, present):
    for name in ("relax_set", "search", "free_energy", "integrate"):
        with pytest.warns(FutureWarning, match=f"protocol '{former}' is now called '{present}'"):
            builder = builders[name](former)
        compare(f"{name}-{present}", serialised(builder._inputs(prune=True)))
    with pytest.warns(FutureWarning, match="is now called"):
        settings = load_engine("castep").parameters(former)
    assert settings == load_engine("castep").parameters(present)
