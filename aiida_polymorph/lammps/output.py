"""What the scripts' runs leave behind, as arrays."""

from __future__ import annotations

import io
import re

import numpy as np
from ase import Atoms

from aiida_polymorph.lammps.system import END_MARKER


def is_complete(log: str) -> bool:
    """Return whether a run came to its end: the marker stands on a line of its own."""
    return any(line.strip() == END_MARKER for line in log.splitlines())


def last_error(log: str) -> str:
    """Return the last line of a log that tells of an error, "" if there is none."""
    found = [line.strip() for line in log.splitlines() if "ERROR" in line]
    return found[-1] if found else ""


def neighbour_cutoff(log: str) -> float | None:
    """Return the distance up to which LAMMPS lists neighbours, skin included, in angstrom; None if it lists none."""
    found = re.search(r"master list distance cutoff = ([0-9.eE+-]+)", log)
    return float(found.group(1)) if found else None


def cpu_seconds(log: str) -> float | None:
    """Return the seconds of all processes together that a log's runs took; None where it tells of no run."""
    loops = re.findall(r"^Loop time of ([0-9.eE+-]+) on (\d+) procs", log, re.MULTILINE)
    return sum(float(seconds) * int(processes) for seconds, processes in loops) if loops else None


def read_series(text: str) -> dict[str, np.ndarray]:
    """Return the columns of a file of `fix ave/time`, by the names in its header.

    Raises:
        ValueError: if there is no header, or no row.
    """
    headers = [line for line in text.splitlines() if line.startswith("# step")]
    if not headers:
        raise ValueError("a file of averages has no header that begins with '# step'")
    values = np.loadtxt(io.StringIO(text), ndmin=2)
    if not len(values):
        raise ValueError("a file of averages has no row")
    names = headers[0].lstrip("# ").split()
    return dict(zip(names, values.T, strict=True))


def read_dump(text: str) -> tuple[np.ndarray, np.ndarray]:
    """Return cells (frames, 3, 3) and the last three columns (frames, N, 3) of a sorted dump, as written.

    Raises:
        ValueError: if the text is cut off.
    """
    frames = text.split("ITEM: TIMESTEP\n")[1:]
    if not frames:
        raise ValueError("a dump holds no frame")
    parsed = [_frame(frame) for frame in frames]
    return np.array([cell for cell, _ in parsed]), np.array([values for _, values in parsed])


def _frame(text: str) -> tuple[np.ndarray, np.ndarray]:
    head, _, table = text.partition("ITEM: ATOMS")
    lines = head.splitlines()
    if len(lines) < 7 or not table:
        raise ValueError("a dump is cut off within its head")
    count, columns = int(lines[2]), len(table.splitlines()[0].split())
    bounds = np.array([[float(number) for number in line.split()] for line in lines[4:7]])
    rows = [row.split() for row in table.splitlines()[1 : count + 1]]
    values = np.array([[float(number) for number in row[-3:]] for row in rows if len(row) == columns])
    if values.shape != (count, 3):
        raise ValueError(f"a dump has {len(values)} of {count} atoms")
    return _cell(bounds), values


def _cell(bounds: np.ndarray) -> np.ndarray:
    """Return the cell of a dump's bounding box; see LAMMPS's manual, Howto_triclinic."""
    tilts = bounds[:, 2] if bounds.shape[1] == 3 else np.zeros(3)
    xy, xz, yz = tilts
    low, high = bounds[:, 0].copy(), bounds[:, 1].copy()
    low[0] -= min(0.0, xy, xz, xy + xz)
    high[0] -= max(0.0, xy, xz, xy + xz)
    low[1] -= min(0.0, yz)
    high[1] -= max(0.0, yz)
    x, y, z = high - low
    return np.array([[x, 0, 0], [xy, y, 0], [xz, yz, z]])


def write_snapshots(atoms: Atoms, positions: np.ndarray) -> str:
    """Return positions, shape (frames, N, 3), as the dump that `rerun` reads; the box in it is not used."""
    head = f"ITEM: NUMBER OF ATOMS\n{len(atoms)}\nITEM: BOX BOUNDS pp pp pp\n0 1\n0 1\n0 1\nITEM: ATOMS id x y z\n"
    numbers = np.arange(1, len(atoms) + 1)
    frames = []
    for step, frame in enumerate(positions):
        rows = io.StringIO()
        np.savetxt(rows, np.column_stack([numbers, frame]), fmt="%d %.12g %.12g %.12g")
        frames.append(f"ITEM: TIMESTEP\n{step}\n{head}{rows.getvalue()}")
    return "".join(frames)
