"""Potential: the way to compute energies, for LAMMPS or any ASE calculator, as one value."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from ase.data import atomic_numbers

BACKENDS = ("lammps", "ase")
LAMMPS_UNITS = ("real", "metal")
KEYS = (
    "name",
    "backend",
    "species",
    "citation",
    "units",
    "commands",
    "dynamics_commands",
    "charges",
    "files",
    "calculator",
    "arguments",
)

FORMER_KEYS = {"engine": "backend"}
"""Names that keys had in earlier versions, in files and stored nodes."""


@dataclass(frozen=True)
class Potential:
    """How to compute energies.

    Attributes:
        name: what people call it.
        backend: what computes the energies, `lammps` or `ase`.
        species: the elements it knows; for LAMMPS in the order of the atom types.
        citation: where it was published.
        units: LAMMPS's `units`, `real` or `metal` (LAMMPS only).
        commands: LAMMPS commands from `pair_style` on (`pair_coeff`, `kspace_style`, `neighbor`, ...), one each.
        dynamics_commands: the same with settings that suit molecular dynamics of some hundred atoms, where there are
            faster ones; the energy of the perfect crystal is taken from `commands` in any case (LAMMPS only).
        charges: charge in e by element; given, atoms are of style `charge`, else of style `atomic`.
        files: name -> text of the files that the commands read.
        calculator: import path of an ASE calculator, e.g. `ase.calculators.lj.LennardJones` (ASE only).
        arguments: keyword arguments with which the calculator is made.

    Raises:
        ValueError: if an entry is missing, unknown or doesn't fit the backend.
    """

    name: str
    backend: str
    species: tuple[str, ...]
    citation: str = ""
    units: str = "metal"
    commands: tuple[str, ...] = ()
    dynamics_commands: tuple[str, ...] = ()
    charges: Mapping[str, float] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    calculator: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @property
    def commands_of_dynamics(self) -> tuple[str, ...]:
        """Commands for molecular dynamics."""
        return self.dynamics_commands or self.commands

    def __post_init__(self) -> None:
        if self.backend not in BACKENDS:
            raise ValueError(
                f"potential {self.name!r}: backend is {self.backend!r}, must be one of {', '.join(BACKENDS)}"
            )
        unknown = [symbol for symbol in self.species if symbol not in atomic_numbers]
        if unknown or not self.species:
            raise ValueError(f"potential {self.name!r}: species {list(self.species)} must be a list of elements")
        self._check_lammps() if self.backend == "lammps" else self._check_ase()

    def _check_lammps(self) -> None:
        if self.units not in LAMMPS_UNITS:
            raise ValueError(f"potential {self.name!r}: units is {self.units!r}, must be real or metal")
        for name in ("commands", "dynamics_commands"):
            commands = getattr(self, name)
            if (commands or name == "commands") and not any(line.split()[:1] == ["pair_style"] for line in commands):
                raise ValueError(f"potential {self.name!r}: {name} hold no pair_style")
        if self.charges and set(self.charges) != set(self.species):
            raise ValueError(f"potential {self.name!r}: charges must be given for each of {', '.join(self.species)}")
        if any("/" in name for name in self.files):
            raise ValueError(f"potential {self.name!r}: names of files must hold no folder")

    def _check_ase(self) -> None:
        if "." not in self.calculator:
            raise ValueError(
                f"potential {self.name!r}: calculator is {self.calculator!r}, must be the import path of an ASE "
                "calculator such as ase.calculators.lj.LennardJones"
            )

    def check_species(self, symbols: Iterable[str]) -> None:
        """Refuse elements that the potential doesn't know.

        Raises:
            ValueError: naming them.
        """
        missing = [symbol for symbol in dict.fromkeys(symbols) if symbol not in self.species]
        if missing:
            known = ", ".join(self.species)
            raise ValueError(f"potential {self.name!r} doesn't know {', '.join(missing)}; it knows {known}")

    def to_dict(self) -> dict[str, Any]:
        """Return all entries as JSON-serialisable values; `from_dict` takes them back."""
        lists = {name: list(getattr(self, name)) for name in ("species", "commands", "dynamics_commands")}
        return {**asdict(self), **lists}

    @classmethod
    def from_dict(cls, entries: Mapping[str, Any]) -> Potential:
        """Build a potential from plain values; commands may be one text of several lines.

        Raises:
            ValueError: if a key is unknown or one of name, backend, species is missing.
        """
        entries = {FORMER_KEYS.get(key, key): value for key, value in entries.items()}
        unknown = sorted(set(entries) - set(KEYS))
        if unknown:
            raise ValueError(f"potential: unknown key {', '.join(unknown)}; known are {', '.join(KEYS)}")
        missing = [key for key in ("name", "backend", "species") if key not in entries]
        if missing:
            raise ValueError(f"potential: {', '.join(missing)} missing")
        if isinstance(entries["species"], str):
            raise ValueError(f"potential: species is {entries['species']!r}, must be a list of elements")
        commands = {name: _lines(entries.get(name, ())) for name in ("commands", "dynamics_commands")}
        return cls(**{**entries, "species": tuple(entries["species"]), **commands})

    @classmethod
    def from_file(cls, path: str | Path) -> Potential:
        """Read a potential from YAML; `files` is there a list of paths, relative to the YAML file.

        Raises:
            ValueError: if the file can't be read as a potential.
        """
        path = Path(path)
        try:
            entries = yaml.safe_load(path.read_text())
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise ValueError(f"potential file {path}: {error}") from error
        if not isinstance(entries, dict):
            raise ValueError(f"potential file {path} must hold keys and values: {', '.join(KEYS)}")
        for former in set(entries) & set(FORMER_KEYS):
            text = f"potential file {path}: the key {former!r} is now called {FORMER_KEYS[former]!r}"
            warnings.warn(text, FutureWarning, stacklevel=2)
        try:
            files = {Path(name).name: (path.parent / name).read_text() for name in entries.get("files", ())}
        except OSError as error:
            raise ValueError(f"potential file {path}: {error}") from error
        return cls.from_dict({**entries, "files": files})


def _lines(commands: str | Iterable[str]) -> tuple[str, ...]:
    lines = commands.splitlines() if isinstance(commands, str) else commands
    return tuple(line.strip() for line in lines if line.split("#")[0].strip())


def shipped_potentials() -> list[str]:
    """Return the names of the potentials that come with the package."""
    folder = resources.files("aiida_polymorph") / "potentials"
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def load_potential(name_or_path: str) -> Potential:
    """Return a shipped potential by name, or read one from a file.

    Raises:
        ValueError: if there is neither.
    """
    if name_or_path in shipped_potentials():
        return Potential.from_file(str(resources.files("aiida_polymorph") / "potentials" / f"{name_or_path}.yaml"))
    if Path(name_or_path).is_file():
        return Potential.from_file(name_or_path)
    names = ", ".join(shipped_potentials())
    raise ValueError(f"potential {name_or_path!r} is neither a file nor one that ships: {names}")
