"""Scripts of the tasks, and the files that they write."""

from __future__ import annotations

from ase import Atoms

from aiida_polymorph.lammps.settings import (
    EquilibrateSettings,
    EvaluateSettings,
    MinimiseSettings,
    SpringsSettings,
    SweepSettings,
    SwitchingSettings,
)
from aiida_polymorph.lammps.system import (
    closing,
    energy_unit,
    gronbech_jensen,
    opening,
    pressure_text,
    seeds,
    species_of,
    spring_commands,
    time_text,
)
from aiida_polymorph.potential import Potential

MINIMUM_DUMP, MEAN_DUMP, FINAL_DUMP = "minimum.dump", "mean.dump", "final.dump"
START_FILE, NPT_FILE, NVT_FILE = "start.dat", "npt.dat", "nvt.dat"
UP_FILE, DOWN_FILE = "up.dat", "down.dat"
STAGE_FILE, SWITCHING_FILE = "stage_{:02d}.dat", "switching_{:02d}.dat"
SNAPSHOTS_FILE, FORCES_DUMP, ENERGIES_FILE = "snapshots.dump", "forces.dump", "energies.dat"

MOST_EXPANSION = 2.0
"""Times the volume of the crystal, beyond which a sweep is stopped."""

BOX = ("lx", "ly", "lz", "xy", "xz", "yz")


def minimise_script(atoms: Atoms, potential: Potential, settings: MinimiseSettings) -> str:
    """Return a script that relaxes positions, and the cell where a pressure is given."""
    force = repr(settings.force_tolerance / energy_unit(potential))
    minimise = f"minimize 0.0 {force} {settings.max_steps} {10 * settings.max_steps}"
    lines = [*opening(atoms, potential, potential.commands), "min_style cg"]
    if settings.pressure_gpa is not None:
        pressure = pressure_text(potential, settings.pressure_gpa)
        relax = [f"fix relax all box/relax tri {pressure} vmax 0.002", minimise, "unfix relax"]
        lines += [minimise, *relax, *relax]
    lines += [
        minimise,
        "variable energy equal pe",
        "variable largest equal fmax",
        f"fix energies all ave/time 1 1 1 v_energy v_largest file {ENERGIES_FILE} format ' %.14g' "
        "title2 '# step energy force'",
        f"dump minimum all custom 1 {MINIMUM_DUMP} id type xu yu zu",
        "dump_modify minimum sort id format float %.12g",
        "run 0",
    ]
    return closing(lines)


def displacement_variables() -> list[str]:
    """Return variables with the displacements of atoms from their sites, which move along with the cell.

    `virial` is the sum of u . F, whose mean is -3 (N - 1) kB T exactly, whatever the sites are.
    """
    return [
        "compute unwrapped all property/atom xu yu zu",
        "variable ux atom c_unwrapped[1]-(xlo+f_site[1]*lx+f_site[2]*xy+f_site[3]*xz)",
        "variable uy atom c_unwrapped[2]-(ylo+f_site[2]*ly+f_site[3]*yz)",
        "variable uz atom c_unwrapped[3]-(zlo+f_site[3]*lz)",
        "variable uf atom v_ux*fx+v_uy*fy+v_uz*fz",
        "variable uu atom v_ux*v_ux+v_uy*v_uy+v_uz*v_uz",
        "compute virial all reduce sum v_uf",
        "compute drift all reduce ave v_ux v_uy v_uz",
    ]


def _squares(atoms: Atoms, potential: Potential) -> tuple[list[str], str, str]:
    """Return commands, columns and titles of the sums of squared displacements, by element."""
    kinds = species_of(atoms, potential)
    lines = [f"group kind{kind} type {kind}" for kind, _ in kinds]
    lines += [f"compute square{kind} kind{kind} reduce sum v_uu" for kind, _ in kinds]
    columns = " ".join(f"c_square{kind}" for kind, _ in kinds)
    return lines, columns, " ".join(f"square_{symbol}" for _, symbol in kinds)


def equilibrate_script(atoms: Atoms, potential: Potential, settings: EquilibrateSettings) -> str:
    """Return a script of constant pressure with a fully flexible cell, then of constant volume at the mean cell."""
    s, n = settings, settings.interval
    velocity, first, second = seeds(s.seed, 3)
    squares, columns, titles = _squares(atoms, potential)
    pressure, barostat = pressure_text(potential, s.pressure_gpa), time_text(potential, s.barostat_fs)
    heat = f"{s.temperature!r} {s.temperature!r}"
    lines = [
        *opening(atoms, potential, potential.commands_of_dynamics),
        "fix site all store/state 0 xsu ysu zsu",
        *displacement_variables(),
        *squares,
        *(f"variable {name} equal {name}" for name in ("vol", "pe", "temp", *BOX)),
        f"fix start all ave/time 1 1 1 v_pe file {START_FILE} format ' %.14g' title2 '# step energy'",
        *("run 0", "unfix start"),
        f"timestep {time_text(potential, s.timestep_fs)}",
        f"velocity all create {2 * s.temperature!r} {velocity} mom yes",
        # Langevin doesn't reach the motion of the cell, which would keep for long what it got at the start.
        f"fix cell all npt temp {heat} {barostat} tri {pressure} {pressure} {barostat} flip no",
        f"fix heat all langevin {heat} {time_text(potential, s.damping_fs)} {first} zero yes",
        f"thermo {max(1, s.npt_steps // 20)}",
        "thermo_style custom step temp pe press vol lx ly lz xy xz yz",
        f"run {s.equilibration_steps}",
        "reset_timestep 0",
        f"fix npt all ave/time {n} 1 {n} v_pe v_vol v_temp {' '.join(f'v_{b}' for b in BOX)} {columns} "
        f"c_drift[1] c_drift[2] c_drift[3] file {NPT_FILE} format ' %.10g' "
        f"title2 '# step energy volume temperature {' '.join(BOX)} {titles} drift_x drift_y drift_z'",
        f"fix mean all ave/time {n} {s.npt_steps // n} {s.npt_steps} {' '.join(f'v_{b}' for b in BOX)}",
        f"run {s.npt_steps}",
        *(f"variable mean_{name} equal $(f_mean[{i}]:%.12g)" for i, name in enumerate(BOX, 1)),
        f"write_dump all custom {FINAL_DUMP} id type xu yu zu modify sort id format float %.8g",
    ]
    if s.nvt_steps:
        lines += _at_mean_cell(atoms, potential, settings, second)
    return closing(lines)


def _at_mean_cell(atoms: Atoms, potential: Potential, settings: EquilibrateSettings, seed: int) -> list[str]:
    s, n = settings, settings.interval
    _, columns, titles = _squares(atoms, potential)
    samples = s.nvt_steps // n
    return [
        *("unfix npt", "unfix mean", "unfix cell", "unfix heat"),
        "change_box all x final 0.0 ${mean_lx} y final 0.0 ${mean_ly} z final 0.0 ${mean_lz} "
        "xy final ${mean_xy} xz final ${mean_xz} yz final ${mean_yz} remap units box",
        *gronbech_jensen(potential, s.temperature, s.damping_fs, seed),
        f"run {min(s.equilibration_steps, 500)}",
        "reset_timestep 0",
        f"fix nvt all ave/time {n} 1 {n} v_pe c_virial {columns} c_drift[1] c_drift[2] c_drift[3] file {NVT_FILE} "
        f"format ' %.10g' title2 '# step energy virial {titles} drift_x drift_y drift_z'",
        f"fix sites all ave/atom {n} {samples} {samples * n} v_ux v_uy v_uz",
        f"run {samples * n}",
        f"write_dump all custom {MEAN_DUMP} id type f_sites[1] f_sites[2] f_sites[3] modify sort id format float %.8g",
    ]


def sweep_script(atoms: Atoms, potential: Potential, settings: SweepSettings) -> str:
    """Return a script of constant pressure in which the temperature goes up at an even pace, and down again."""
    s = settings
    velocity, *thermostats = seeds(s.seed, 5)
    low, high = f"{s.temperature!r}", f"{s.final_temperature!r}"
    squares, _, _ = _squares(atoms, potential)
    ways = ((low, low, ""), (low, high, UP_FILE), (high, high, ""), (high, low, DOWN_FILE))
    lines = [
        *opening(atoms, potential, potential.commands_of_dynamics),
        "fix site all store/state 0 xsu ysu zsu",
        *displacement_variables(),
        # `fx` would hold the friction, too, whose product with the displacements does not vanish at finite steps.
        "fix forces all store/force",
        "variable uf atom v_ux*f_forces[1]+v_uy*f_forces[2]+v_uz*f_forces[3]",
        *squares,
        *(f"variable {name} equal {name}" for name in ("vol", "pe", "temp", *BOX)),
        f"fix start all ave/time 1 1 1 v_pe file {START_FILE} format ' %.14g' title2 '# step energy'",
        *("run 0", "unfix start"),
        # A crystal that boils would fill an ever larger cell, ever more slowly.
        f"fix boiling all halt 100 v_vol > {MOST_EXPANSION * atoms.get_volume():.10g} error hard",
        f"timestep {time_text(potential, s.timestep_fs)}",
        f"velocity all create {2 * s.temperature!r} {velocity} mom yes",
    ]
    for (start, end, file), seed in zip(ways, thermostats, strict=True):
        lines += _way(atoms, potential, settings, start, end, file, seed)
    return closing(lines)


def _way(
    atoms: Atoms, potential: Potential, settings: SweepSettings, start: str, end: str, file: str, seed: int
) -> list[str]:
    """Return a run from one temperature to another, with samples where there is a file for them.

    The Langevin thermostat does not reach the motion of the cell, which keeps for long what it got when the crystal was
    heated or expanded: it has a thermostat of its own, in `fix npt`.
    """
    n, period = settings.interval, time_text(potential, settings.barostat_fs)
    pressure = pressure_text(potential, settings.pressure_gpa)
    _, columns, titles = _squares(atoms, potential)
    record = [
        f"fix record all ave/time {n} 1 {n} v_pe c_virial v_vol v_temp {' '.join(f'v_{b}' for b in BOX)} {columns} "
        f"c_drift[1] c_drift[2] c_drift[3] file {file} format ' %.10g' "
        f"title2 '# step energy virial volume temperature {' '.join(BOX)} {titles} drift_x drift_y drift_z'",
    ]
    return [
        "reset_timestep 0",
        f"fix cell all npt temp {start} {end} {period} tri {pressure} {pressure} {period} flip no",
        f"fix heat all langevin {start} {end} {time_text(potential, settings.damping_fs)} {seed} zero yes",
        *(record if file else []),
        f"run {settings.sweep_steps if file else settings.equilibration_steps}",
        *(["unfix record"] if file else []),
        *("unfix heat", "unfix cell"),
    ]


def springs_script(atoms: Atoms, potential: Potential, settings: SpringsSettings) -> str:
    """Return a script that samples the crystal with springs of each strength added, one run after the other."""
    lines: list[str] = []
    for i, (strength, steps) in enumerate(settings.stages):
        lines += ["clear"] if i else []
        lines += _stage(atoms, potential, settings, i, strength, steps)
    return closing(lines)


def _stage(
    atoms: Atoms, potential: Potential, settings: SpringsSettings, number: int, strength: float, steps: int
) -> list[str]:
    s, n = settings, settings.interval
    velocity, thermostat = seeds(s.seed * 1000 + number, 2)
    squares, columns, titles = _squares(atoms, potential)
    virials, virial_columns, virial_titles = _kind_virials(atoms, potential)
    springs = {symbol: strength * k for symbol, k in s.springs.items()}
    return [
        *opening(atoms, potential, potential.commands_of_dynamics),
        "fix site all store/state 0 xsu ysu zsu",
        *displacement_variables(),
        *squares,
        *virials,
        *(spring_commands(atoms, potential, springs, "spring/self {k}") if strength else []),
        "variable pe equal pe",
        f"timestep {time_text(potential, s.timestep_fs)}",
        f"velocity all create {2 * s.temperature!r} {velocity} mom yes",
        *gronbech_jensen(potential, s.temperature, s.damping_fs, thermostat),
        f"run {s.equilibration_steps}",
        "reset_timestep 0",
        f"fix stage all ave/time {n} 1 {n} v_pe {virial_columns} {columns} file "
        f"{STAGE_FILE.format(number)} format ' %.10g' "
        f"title2 '# step energy {virial_titles} {titles}'",
        f"run {steps}",
    ]


def _kind_virials(atoms: Atoms, potential: Potential) -> tuple[list[str], str, str]:
    """Return commands, columns and titles of the sums of u . F and of u, by element."""
    kinds = species_of(atoms, potential)
    lines = [f"compute virial{kind} kind{kind} reduce sum v_uf v_ux v_uy v_uz" for kind, _ in kinds]
    columns = " ".join(f"c_virial{kind}[{i}]" for kind, _ in kinds for i in range(1, 5))
    titles = " ".join(f"virial_{symbol} sum_x_{symbol} sum_y_{symbol} sum_z_{symbol}" for _, symbol in kinds)
    return lines, columns, titles


def switching_script(atoms: Atoms, potential: Potential, settings: SwitchingSettings) -> str:
    """Return a script that turns the crystal into independent springs and back, `pairs` times."""
    lines: list[str] = []
    for pair in range(settings.pairs):
        lines += ["clear"] if pair else []
        lines += _pair(atoms, potential, settings, pair)
    return closing(lines)


def _pair(atoms: Atoms, potential: Potential, settings: SwitchingSettings, pair: int) -> list[str]:
    s = settings
    velocity, thermostat = seeds(s.seed * 1000 + pair, 2)
    kinds = [kind for kind, _ in species_of(atoms, potential)]
    style = f"ti/spring {{k}} {s.switching_steps} {s.equilibration_steps} function 2"
    springs = " ".join(f"f_spring{kind}" for kind in kinds)
    return [
        *opening(atoms, potential, potential.commands_of_dynamics),
        f"timestep {time_text(potential, s.timestep_fs)}",
        f"velocity all create {2 * s.temperature!r} {velocity} mom yes",
        *spring_commands(atoms, potential, dict(s.springs), style),
        *gronbech_jensen(potential, s.temperature, s.damping_fs, thermostat),
        "variable pe equal pe",
        f"fix work all ave/time 1 1 1 v_pe f_spring{kinds[0]}[1] {springs} file {SWITCHING_FILE.format(pair)} "
        f"format ' %.10g' title2 '# step energy lambda {' '.join(f'springs_{kind}' for kind in kinds)}'",
        f"run {2 * (s.switching_steps + s.equilibration_steps)}",
    ]


def evaluate_script(atoms: Atoms, potential: Potential, settings: EvaluateSettings) -> str:
    """Return a script that reads positions of the same atoms and writes their energies, and forces if asked for."""
    dynamics = settings.commands == "dynamics"
    lines = [
        *opening(atoms, potential, potential.commands_of_dynamics if dynamics else potential.commands),
        "variable pe equal pe",
        f"fix energies all ave/time 1 1 1 v_pe file {ENERGIES_FILE} format ' %.14g' title2 '# step energy'",
        "thermo 1",
    ]
    if settings.forces:
        lines += [
            f"dump forces all custom 1 {FORCES_DUMP} id type fx fy fz",
            "dump_modify forces sort id format float %.12g",
        ]
    return closing([*lines, f"rerun {SNAPSHOTS_FILE} dump x y z box no"])
