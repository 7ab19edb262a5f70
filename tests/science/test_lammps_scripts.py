"""Scripts for LAMMPS, frozen as text, and what is read back; all without LAMMPS.

After a change that is meant, `python tests/science/test_lammps_scripts.py` writes the files in `golden` anew.
"""

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms

from aiida_polymorph.lammps.output import (
    is_complete,
    last_error,
    neighbour_cutoff,
    read_dump,
    read_series,
    write_snapshots,
)
from aiida_polymorph.lammps.results import collect, part
from aiida_polymorph.lammps.settings import (
    EquilibrateSettings,
    EvaluateSettings,
    MinimiseSettings,
    SpringsSettings,
    SweepSettings,
    SwitchingSettings,
)
from aiida_polymorph.lammps.system import (
    DATA_FILE,
    END_MARKER,
    SCRIPT_FILE,
    energy_unit,
    lammps_frame,
    pressure_text,
    sampling_mass,
    seeds,
    time_text,
)
from aiida_polymorph.lammps.tasks import TASKS, make_settings, task_files
from aiida_polymorph.potential import Potential, load_potential
from aiida_polymorph.units import GPA, KCAL_PER_MOL

GOLDEN = Path(__file__).parent / "golden"

RUTILE = Atoms(
    "Ti2O4",
    scaled_positions=[[0, 0, 0], [0.5] * 3, [0.3, 0.3, 0], [-0.3, -0.3, 0], [0.2, 0.8, 0.5], [0.8, 0.2, 0.5]],
    cell=[4.5, 4.5, 3.0],
    pbc=True,
)
ARGON = Atoms("Ar", cell=[[0, 2.6, 2.6], [2.6, 0, 2.6], [2.6, 2.6, 0]], pbc=True)
TITANIA = load_potential("matsui-akaogi")
LENNARD_JONES = Potential(
    "argon", "lammps", ("Ne", "Ar"), commands=("pair_style lj/cut 12.0", "pair_coeff * * 0.0104 3.4")
)

CASES = {
    "minimise_positions": ("minimise", RUTILE, TITANIA, MinimiseSettings()),
    "minimise_cell": ("minimise", ARGON, LENNARD_JONES, MinimiseSettings(pressure_gpa=2.0)),
    "equilibrate": ("equilibrate", RUTILE, TITANIA, EquilibrateSettings(700.0, 20.0, seed=3)),
    "equilibrate_argon": (
        "equilibrate",
        ARGON,
        LENNARD_JONES,
        EquilibrateSettings(40.0, 0.0, nvt_steps=0),
    ),
    "sweep": ("sweep", RUTILE, TITANIA, SweepSettings(700.0, 1600.0, 20.0, seed=3)),
    "springs": ("springs", RUTILE, TITANIA, SpringsSettings(700.0, {"Ti": 80.0, "O": 50.0}, ((0.0, 100), (0.5, 200)))),
    "switching": ("switching", RUTILE, TITANIA, SwitchingSettings(700.0, {"Ti": 8.0, "O": 5.0}, pairs=2)),
    "switching_argon": ("switching", ARGON, LENNARD_JONES, SwitchingSettings(40.0, {"Ar": 1.0})),
    "evaluate_forces": ("evaluate", RUTILE, TITANIA, EvaluateSettings()),
    "evaluate_dynamics": ("evaluate", RUTILE, TITANIA, EvaluateSettings(forces=False, commands="dynamics")),
}
DATA = {"rutile": (RUTILE, TITANIA), "argon": (ARGON, LENNARD_JONES)}


def script(name: str) -> str:
    return task_files(*CASES[name])[SCRIPT_FILE]


def data(name: str) -> str:
    text = task_files("minimise", *DATA[name], MinimiseSettings())[DATA_FILE]
    return text.partition("\n")[2]  # ASE's own first line


@pytest.mark.parametrize("name", CASES)
def test_scripts_are_what_they_were(name):
    assert script(name) == (GOLDEN / f"{name}.lammps").read_text()


@pytest.mark.parametrize("name", DATA)
def test_data_files_are_what_they_were(name):
    """But for the last digit of a length, which machines round in their own ways."""
    found, kept = data(name).split(), (GOLDEN / f"{name}.data").read_text().split()
    assert len(found) == len(kept)
    for one, other in zip(found, kept, strict=True):
        assert one == other or float(one) == pytest.approx(float(other), abs=1e-9)


def test_no_file_is_left_over():
    assert {path.stem for path in GOLDEN.glob("*.lammps")} == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_the_marker_is_printed_last(name):
    lines = script(name).splitlines()
    assert lines[-1] == f'print "{END_MARKER}"'
    assert sum(END_MARKER in line for line in lines) == 1


# --- settings and files ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CASES)
def test_settings_round_trip(name):
    task, _, _, settings = CASES[name]
    assert make_settings(task, settings.to_dict()) == settings


@pytest.mark.parametrize(
    ("task", "entries", "message"),
    [
        ("anneal", {}, "task is 'anneal', must be one of minimise"),
        ("minimise", {"pressure": 1.0}, "unknown setting pressure; known are pressure_gpa"),
        ("minimise", {"max_steps": 0}, "max_steps is 0"),
        ("equilibrate", {"temperature": 300.0}, "pressure_gpa"),
        ("equilibrate", {"temperature": -300.0, "pressure_gpa": 0.0}, "temperature is -300.0"),
        ("equilibrate", {"temperature": 300.0, "pressure_gpa": 0.0, "timestep_fs": np.nan}, "timestep_fs is nan"),
        ("equilibrate", {"temperature": 300.0, "pressure_gpa": 0.0, "interval": 0}, "interval is 0"),
        ("evaluate", {"commands": "fast"}, "commands is 'fast', must be accurate or dynamics"),
    ],
)
def test_bad_settings(task, entries, message):
    with pytest.raises(ValueError, match=message):
        make_settings(task, entries)


def test_potentials_of_others_and_unknown_elements_are_refused():
    ase = Potential("lj", "ase", ("Ar",), calculator="ase.calculators.lj.LennardJones")
    with pytest.raises(ValueError, match="'lj' runs with ase; molecular dynamics needs LAMMPS"):
        task_files("minimise", ARGON, ase, MinimiseSettings())
    with pytest.raises(ValueError, match="doesn't know Ti, O"):
        task_files("minimise", RUTILE, LENNARD_JONES, MinimiseSettings())


def test_files_of_the_potential_come_along():
    potential = Potential("e", "lammps", ("Ar",), commands=("pair_style eam",), files={"Ar.eam": "numbers\n"})
    files = task_files("evaluate", ARGON, potential, EvaluateSettings(), ARGON.positions[None])
    assert set(files) == {DATA_FILE, SCRIPT_FILE, "Ar.eam", "snapshots.dump"}


def test_every_task_has_a_case():
    assert {task for task, *_ in CASES.values()} == set(TASKS)


def test_units():
    assert energy_unit(TITANIA) == pytest.approx(KCAL_PER_MOL, rel=1e-6)
    assert energy_unit(LENNARD_JONES) == 1.0
    assert float(pressure_text(TITANIA, 1.0)) == pytest.approx(1e9 / 101325, rel=1e-5)
    assert float(pressure_text(LENNARD_JONES, 1.0)) == pytest.approx(1e4, rel=1e-5)
    assert pytest.approx(1 / 160.2176634) == GPA
    assert (time_text(TITANIA, 2.0), time_text(LENNARD_JONES, 2.0)) == ("2.0", "0.002")


def test_all_atoms_have_the_mean_mass():
    assert sampling_mass(RUTILE) == pytest.approx(RUTILE.get_masses().mean())
    assert f"mass * {sampling_mass(RUTILE)!r}\n" in script("springs")


def test_lammps_frame_keeps_fractional_coordinates_beyond_the_cell():
    atoms = ARGON.repeat(2)
    atoms.positions += 7.0
    turned = lammps_frame(atoms)
    assert np.allclose(turned.cell, np.tril(turned.cell))
    assert turned.get_scaled_positions(wrap=False) == pytest.approx(atoms.get_scaled_positions(wrap=False))
    assert turned.get_all_distances(mic=True) == pytest.approx(atoms.get_all_distances(mic=True))


def test_seeds_differ_and_repeat():
    assert seeds(1, 3) == seeds(1, 3)
    drawn = [seed for number in range(500) for seed in seeds(number, 2)]
    assert len(set(drawn)) == len(drawn)
    assert all(0 < seed <= 900_000_000 for seed in drawn)


# --- output ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("log", "complete"),
    [
        (f"Step Temp\n{END_MARKER}\nTotal wall time: 0:00:01\n", True),
        (f"  {END_MARKER}  ", True),
        (f'print "{END_MARKER}"\n', False),
        (f"{END_MARKER} not\n", False),
        (f"all stages done\n{END_MARKER[:-1]}", False),
        ("", False),
    ],
)
def test_the_end_is_a_line_of_its_own(log, complete):
    assert is_complete(log) is complete


def test_errors_and_cutoff_of_a_log():
    log = "ERROR on proc 0: a\n  master list distance cutoff = 14\nERROR: Lost atoms: original 8 current 7 \nend\n"
    assert last_error(log) == "ERROR: Lost atoms: original 8 current 7"
    assert last_error("fine\n") == ""
    assert neighbour_cutoff(log) == 14.0
    assert neighbour_cutoff("no list\n") is None


def test_series():
    found = read_series("# Time-averaged data for fix stage\n# step energy square_Ar\n 2 -1.5 0.25\n 4 -1.25 1e-3\n")
    assert {name: values.tolist() for name, values in found.items()} == {
        "step": [2.0, 4.0],
        "energy": [-1.5, -1.25],
        "square_Ar": [0.25, 0.001],
    }
    assert read_series("# step energy\n 0 1.0\n")["energy"].tolist() == [1.0]


@pytest.mark.filterwarnings("ignore:loadtxt")
@pytest.mark.parametrize(
    "text",
    ["", "# step energy\n", "2 -1.5\n", "# step energy\n 2 -1.5\n 4\n", "# step energy square_Ar\n 2 -1.5\n"],
)
def test_series_that_were_cut_off_are_refused(text):
    with pytest.raises(ValueError):  # noqa: PT011
        read_series(text)


HEAD = "ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n2\n"
TRICLINIC = (
    HEAD + "ITEM: BOX BOUNDS xy xz yz pp pp pp\n-1.5 6.0 -0.5\n0.0 4.75 -1.0\n2.0 5.0 0.75\n"
    "ITEM: ATOMS id type xu yu zu\n1 1 0.1 0.2 0.3\n2 1 -4 5 6e-3\n"
)
ORTHOGONAL = HEAD + "ITEM: BOX BOUNDS pp pp pp\n0 3\n-1 3\n0 5\nITEM: ATOMS id type fx fy fz\n1 1 1 2 3\n2 1 4 5 6\n"


def test_triclinic_dump():
    """Bounds: xlo + min(0, xy, xz, xy + xz) = 0 - 1.5 and xhi + max(0, ...) = 6 + 0; ylo + min(0, yz), yhi + max."""
    cells, values = read_dump(TRICLINIC)
    assert cells == pytest.approx(np.array([[[6.0, 0, 0], [-0.5, 4.0, 0], [-1.0, 0.75, 3.0]]]))
    assert values == pytest.approx(np.array([[[0.1, 0.2, 0.3], [-4.0, 5.0, 0.006]]]))


def test_orthogonal_dump_of_two_frames():
    cells, values = read_dump(ORTHOGONAL + ORTHOGONAL.replace("4 5 6", "7 8 9"))
    assert cells == pytest.approx(np.array([np.diag([3.0, 4.0, 5.0])] * 2))
    assert values[1, 1] == pytest.approx([7, 8, 9])


COLUMN_LOST = len(ORTHOGONAL) - 2  # what ends within the last number, as "4 5 6" for "4 5 61" does, cannot be told


@pytest.mark.parametrize("end", [0, *range(40, COLUMN_LOST - 3)])
def test_dumps_that_were_cut_off_are_refused(end):
    with pytest.raises(ValueError):  # noqa: PT011
        read_dump(ORTHOGONAL[:end])


@pytest.mark.parametrize("end", [15, 17, 39])
def test_dumps_without_a_whole_head_are_refused(end):
    with pytest.raises(ValueError):  # noqa: PT011
        read_dump(ORTHOGONAL[:end])


def test_dumps_without_the_last_column_are_refused():
    with pytest.raises(ValueError):  # noqa: PT011
        read_dump(ORTHOGONAL[:COLUMN_LOST])


def test_snapshots_are_read_as_they_were_written():
    positions = np.random.default_rng(0).normal(size=(3, 2, 3))
    text = write_snapshots(Atoms("Ar2"), positions)
    assert read_dump(text)[1] == pytest.approx(positions, abs=1e-11)
    assert [line for line in text.splitlines() if line.startswith("ITEM: TIMESTEP")] == ["ITEM: TIMESTEP"] * 3


def test_outputs_become_arrays_in_ev():
    texts = {
        "log.lammps": "",
        "stage_00.dat": "# step energy virial_O square_O\n 2 10 20 30\n 4 11 21 31\n",
        "forces.dump": ORTHOGONAL,
        "minimum.dump": ORTHOGONAL,
    }
    arrays = collect(texts, 0.5)
    assert arrays["stage_00__energy"].tolist() == [5.0, 5.5]
    assert arrays["stage_00__virial_O"].tolist() == [10.0, 10.5]
    assert arrays["stage_00__square_O"].tolist() == [30.0, 31.0]
    assert arrays["forces__values"][0, 0].tolist() == [0.5, 1.0, 1.5]
    assert arrays["minimum__values"][0, 0].tolist() == [1.0, 2.0, 3.0]
    assert set(part(arrays, "stage_00")) == {"step", "energy", "virial_O", "square_O"}
    with pytest.raises(ValueError, match="no output 'stage_01'; there are forces, minimum, stage_00"):
        part(arrays, "stage_01")


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for case in CASES:
        (GOLDEN / f"{case}.lammps").write_text(script(case))
    for case in DATA:
        (GOLDEN / f"{case}.data").write_text(data(case))
