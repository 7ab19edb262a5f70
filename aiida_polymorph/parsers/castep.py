"""CastepParser: what a CASTEP job left behind -> the outputs and exit codes of aiida-castep.

aiida-castep 2.0.1 reads the files well, but its parser makes nodes that aiida-core 2.9 refuses, and raises exceptions
for files that end in the middle. `CastepParser.parse` does the same with the plugin's own readers, and mends:

    trajectory   symbols are a list of str and pbc is given, else no .geom at all could be read; positions, forces and
                 velocities are all in the order of the input's atoms (the plugin stores CASTEP's order, sorted by
                 atomic number, beside symbols in the input's)
    structure    made from the input's, so that kinds with names of their own are kept
    bands        their cell is in angstrom (the plugin puts the file's Bohr)
    cut files    a box of .castep or a block of .geom that was being written is left out; .bands that are cut count as
                 missing; so does the folder of temporary files, once a restarted daemon has lost it
    numbers      NaN isn't put into output_parameters, which can't hold it

Nothing stands in for .bands: with write_bands false a job has no `output_bands`, which castep.base requires.
"""

from __future__ import annotations

import math
import re
import struct
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import ExitCode
from aiida_castep.common import EXIT_CODES_SPEC, OUTPUT_LINKNAMES
from aiida_castep.parsers import castep as plugin
from aiida_castep.parsers.raw_parser import RawParser, parse_dot_bands, units
from aiida_castep.parsers.utils import add_last_if_exists, get_desort_args

from aiida_polymorph.versioned import CodeVersion

PERIODIC = (True, True, True)
LAST_VALUES = ("free_energy", "total_energy", "zero_K_energy", "spin_density", "abs_spin_density", "enthalpy")
"""What output_parameters tell of the last iteration."""

NO_EMPTY_BANDS = "At least one kpoint has no empty bands, energy/forces returned are not reliable."
NOTHING_TO_OPTIMISE = "there is nothing to optimise"
CUT_FILE = (AssertionError, IndexError, KeyError, NameError, RuntimeError, ValueError, struct.error)
"""What the plugin's readers of bands raise for files that end in the middle."""

BOX_START = re.compile(r"(Forces|Stress Tensor) \*{3}")
BOX_END = re.compile(r" *\*{20,}\s*$")


class CastepParser(plugin.CastepParser):
    """Parse a job of `CastepCalculation`; see the module's text.

    Outputs as the plugin's: output_parameters (energies in eV), output_structure (angstrom), output_bands (eV), and
    output_trajectory where there is a .geom or .md, else output_array. Exit codes are those of `EXIT_CODES_SPEC`;
    a geometry that is not converged ends with 0, and `geom_unconverged` true in output_parameters. The message of
    ERROR_CASTEP_ERROR is the first line of .err.
    """

    CACHE_VERSION = CodeVersion()

    def parse(self, **kwargs: Any) -> ExitCode:
        """Read what there is; the exit code tells whether that is all."""
        self._warnings: list[str] = []
        self._errors: list[str] = []
        try:
            name = self._parse(kwargs.get("retrieved_temporary_folder"))
        except Exception:
            # Whatever CASTEP wrote: with an exception the work chain above would learn nothing about the job.
            self.logger.exception("the output can't be parsed")
            return self.exit_codes.UNKOWN_ERROR
        code = self.exit_codes[name]
        return code._replace(message=told(self._errors) or code.message) if name == "ERROR_CASTEP_ERROR" else code

    def _parse(self, temporary: str | None) -> str:
        """Register the outputs and return the name of the exit code."""
        folder = temporary if temporary and Path(temporary).is_dir() else None
        self._files = plugin.RetrievedFileManager(self.retrieved, folder)
        name = self.node.get_option("output_filename")
        if not self._files.has_file(name):
            self.logger.error("Standard output not found")
            return "ERROR_NO_OUTPUT_FILE"
        self._errors = [self._read(name) for name in self._files.list_object_names() if ".err" in name]
        results, data, geometry, _, code = RawParser(whole_boxes(self._read(name)), {}, self._frames(), None).parse()
        codes = {code, "ERROR_CASTEP_ERROR"} if self._errors else {code}
        if self._put_bands():
            results["warnings"].append(NO_EMPTY_BANDS)
            codes |= {"ERROR_NO_EMPTY_BANDS"} if code == "CALC_FINISHED" else set()
        fixed = any(NOTHING_TO_OPTIMISE in warning for warning in results["warnings"])
        self._put_geometry(data, geometry, fixed)
        for key in LAST_VALUES:
            add_last_if_exists(data, key, results)
        results["error_messages"] = sorted(set(self._errors))
        results["parser_warnings"] += self._warnings
        self.out(OUTPUT_LINKNAMES["results"], orm.Dict({k: v for k, v in results.items() if not _nan(v)}))
        return next(code for code in EXIT_CODES_SPEC if code in codes)

    def _read(self, name: str) -> str:
        return self._files.get_object_content(name, mode="rb").decode(errors="replace")

    def _frames(self) -> tuple[str, list[str]] | None:
        """Return the name and the lines of .geom or .md, None if there is not one whole block."""
        seed = self.node.get_option("seedname")
        name = next((seed + end for end in (".geom", ".md") if self._files.has_file(seed + end)), None)
        if name is None:
            return None
        if blocks := whole_blocks(self._read(name)):
            return name, "".join(blocks).split("\n")
        self._warnings.append(f"{name} holds no whole block")
        return None

    def _put_bands(self) -> bool:
        """Register the bands, if they can be read, and return whether they are known to lack empty ones."""
        seed = self.node.get_option("seedname")
        of_scf = self.castep_task.lower() not in plugin.NON_SCF_BAND_TASKS
        binary = of_scf and self._files.has_file(f"{seed}.castep_bin")
        name = f"{seed}.castep_bin" if binary else f"{seed}.bands"
        if not self._files.has_file(name):
            return False
        try:
            bands = plugin.bands_from_castepbin(seed, self._files) if binary else read_bands(self._read(name))
        except CUT_FILE as error:
            self._warnings.append(f"{name} can't be read: {error!r}")
            return False
        self.out(OUTPUT_LINKNAMES["bands"], bands)
        return binary and not self._has_empty_bands(bands)

    def _put_geometry(self, data: Mapping[str, Any], last: Mapping[str, Any], fixed: bool) -> None:
        """Register the structure, and all else as a trajectory or, where there are no frames, as arrays.

        Args:
            data: by name what there is of each iteration, atoms in CASTEP's order.
            last: symbols, positions and cell of the last frame, empty if there is none.
            fixed: whether CASTEP found nothing to optimise, so that the input's geometry is the output's.
        """
        structure = self.node.inputs.structure.clone()
        structure.label = self.node.inputs.structure.label
        arrays = self._arrays(data, get_desort_args(structure))
        positions, cells = arrays.pop("positions", None), arrays.pop("cells", None)
        if last and positions is not None and cells is not None and self._same_atoms(last["symbols"]):
            structure.set_cell(cells[-1].tolist())
            structure.reset_sites_positions(positions[-1].tolist())
        elif fixed:
            positions, cells = np.array([[site.position for site in structure.sites]]), np.array([structure.cell])
        else:
            positions = None
        if positions is not None and cells is not None:
            self.out(OUTPUT_LINKNAMES["structure"], structure)
            self.out(OUTPUT_LINKNAMES["trajectory"], _trajectory(structure, positions, cells, arrays))
        elif arrays:
            self.out(OUTPUT_LINKNAMES["array"], orm.ArrayData(arrays))

    def _same_atoms(self, symbols: list[str]) -> bool:
        """Return whether the output's atoms are those of the input structure."""
        found = [symbol.split(":")[0] for symbol in symbols]
        same = sorted(self.node.inputs.structure.get_ase().symbols) == sorted(found)
        if not same:
            self._warnings.append(f"the atoms of the output, {' '.join(found)}, are not those of the input")
        return same

    def _arrays(self, data: Mapping[str, Any], order: list[int]) -> dict[str, np.ndarray]:
        """Return what can be stored as arrays, atoms in the input's order."""
        arrays = {}
        for name, values in data.items():
            try:
                array = np.asarray(values)
                if "force" in name or name in ("positions", "velocities"):
                    array = array[:, order]
            except (IndexError, ValueError) as error:
                self._warnings.append(f"{name} can't be stored: {error}")
                continue
            if array.size and array.dtype != object and name != "symbols":
                arrays[name] = array
        return arrays


def told(errors: Iterable[str]) -> str:
    """Return the first line with words in it of what CASTEP wrote into its .err files, "" if there is none."""
    lines = (line.strip() for text in errors for line in text.splitlines())
    return next((f"CASTEP stopped: {line}" for line in lines if line), "")


def whole_lines(text: str) -> list[str]:
    """Return the lines, without what is left of one that was being written."""
    return text.split("\n")[:-1]


def whole_boxes(text: str) -> list[str]:
    """Return the lines of .castep, without what is left of a box of forces or stress that was being written."""
    lines = whole_lines(text)
    start = next((i for i in reversed(range(len(lines))) if BOX_START.search(lines[i])), None)
    if start is None or any(BOX_END.match(line) for line in lines[start + 1 :]):
        return lines
    return lines[:start]


def whole_blocks(text: str) -> list[str]:
    """Return the blocks of .geom or .md, each with the blank line after it, but none that lacks lines."""
    blocks = re.split(r"\n\s*\n", text)
    return [block.strip("\n") + "\n\n" for block in blocks if _is_whole(block)]


def _is_whole(block: str) -> bool:
    tags = Counter(line.rpartition("<-- ")[2].strip() for line in block.splitlines() if "<-- " in line)
    return tags["E"] == 1 and tags["h"] == 3 and tags["R"] == tags["F"] > 0


def read_bands(text: str) -> orm.BandsData:
    """Return what .bands holds, energies in eV, cell in angstrom.

    Raises:
        AssertionError, IndexError, KeyError, NameError, ValueError: if the file is cut.
    """
    info, kpoints, bands = parse_dot_bands(whole_lines(text))
    info["cell"] = (np.array(info["cell"]) * units["a0"]).tolist()
    return plugin.bands_to_bandsdata(info, kpoints, bands)


def _trajectory(
    structure: orm.StructureData, positions: np.ndarray, cells: np.ndarray, arrays: Mapping[str, np.ndarray]
) -> orm.TrajectoryData:
    names = [site.kind_name for site in structure.sites]
    trajectory = orm.TrajectoryData()
    trajectory.set_trajectory(names, positions, stepids=np.arange(len(positions)), cells=cells, pbc=PERIODIC)
    for name, array in {"symbols": np.array(names), **arrays}.items():
        trajectory.set_array(name, array)
    return trajectory


def _nan(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)
