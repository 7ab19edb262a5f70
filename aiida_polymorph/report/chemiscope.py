"""The map as a chemiscope view, in which a click on a point shows its structure; the package is optional.

A page that holds every structure of a long search would be too large to open. So a view holds the representative of
each cluster and, of the minima in no cluster, those of lowest enthalpy up to a limit.
"""

from __future__ import annotations

import gzip
import json
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from aiida_polymorph.report.data import LandscapeView, ReportData
from aiida_polymorph.report.figures import cluster_sizes

MISSING = "The view of single structures needs the package chemiscope: pip install aiida-polymorph[chemiscope]."

LIMIT = 500
"""How many minima that belong to no cluster a view holds."""


def library_path() -> Path | None:
    """Return where the installed package keeps chemiscope's JavaScript; None without the package."""
    spec = find_spec("chemiscope")
    folders = spec.submodule_search_locations if spec else None
    found = [Path(folder) / "sphinx" / "static" / "chemiscope.min.js" for folder in folders or ()]
    return next((path for path in found if path.is_file()), None)


def chemiscope_available() -> bool:
    """Whether the page can be written."""
    return library_path() is not None


def shown_structures(view: LandscapeView, limit: int = LIMIT) -> np.ndarray:
    """Return which structures a view holds: representatives first, then loose minima by enthalpy up to `limit`."""
    loose = np.flatnonzero(view.labels < 0)
    loose = loose[np.argsort(view.enthalpy[loose], kind="stable")][:limit]
    return np.concatenate([np.asarray(view.representatives, dtype=int), loose])


def chemiscope_dataset(view: LandscapeView, title: str, formula: str, limit: int = LIMIT) -> dict[str, Any]:
    """Return the map of one pressure in chemiscope's format, JSON-serialisable.

    Raises:
        ValueError: if the view holds no structures.
    """
    if view.structures is None:
        raise ValueError(f"the landscape at {view.pressure_gpa:g} GPa was handed over without its structures")
    shown = shown_structures(view, limit)
    loose = int(np.count_nonzero(view.labels < 0))
    description = (
        f"{len(view.names)} phases at {view.pressure_gpa:g} GPa, each by its representative, and the "
        f"{min(loose, limit)} lowest in enthalpy of {loose} minima found fewer than {view.min_samples} times."
    )
    return {
        "meta": {"name": _plain(f"{title}, {view.pressure_gpa:g} GPa"), "description": description},
        "structures": [_structure(view.structures[int(i)]) for i in shown],
        "properties": _properties(view, shown, formula),
        "settings": {
            "target": "structure",
            "map": {
                "x": {"property": "component 1"},
                "y": {"property": "component 2"},
                "color": {"property": "enthalpy above the lowest", "palette": "viridis"},
                "size": {"property": "times found", "mode": "log", "factor": 45},
                "symbol": "kind",
            },
            "structure": [{"unitCell": True, "supercell": [1, 1, 1], "spaceFilling": False}],
        },
    }


def write_dataset(view: LandscapeView, path: str | Path, title: str, formula: str, limit: int = LIMIT) -> Path:
    """Write one map as a chemiscope file, `.json` or `.json.gz`, for chemiscope's own tools."""
    path = Path(path)
    content = json.dumps(chemiscope_dataset(view, title, formula, limit)).encode()
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)
    return path


def write_chemiscope(data: ReportData, path: str | Path, limit: int = LIMIT) -> Path:
    """Write the maps of all pressures as one page that works without a network, and return its path.

    Raises:
        ValueError: if chemiscope is not installed or no landscape comes with structures.
    """
    library = library_path()
    if library is None:
        raise ValueError(MISSING)
    views = [view for view in data.landscapes if view.structures is not None]
    if not views:
        raise ValueError("no landscape was handed over with its structures")
    datasets = {
        f"{view.pressure_gpa:g} GPa": _script_safe(chemiscope_dataset(view, data.title, data.formula, limit))
        for view in views
    }
    path = Path(path)
    path.write_text(_render(data.title, datasets, library), encoding="utf-8")
    return path


def _render(title: str, datasets: dict[str, str], library: Path) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    folder = Path(__file__).parent / "templates"
    environment = Environment(loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined)
    return environment.get_template("map.html.j2").render(
        title=title,
        datasets=datasets,
        library=library.read_text(encoding="utf-8").replace("</script", "<\\/script"),
        license=_license(),
    )


def _license() -> str:
    """Return the licence of chemiscope, which asks to be passed on with its code."""
    try:
        package = distribution("chemiscope")
    except PackageNotFoundError:
        return "chemiscope, BSD-3-Clause"
    texts = [package.read_text(name) for name in ("licenses/LICENSE", "LICENSE")]
    return next((text for text in texts if text), "chemiscope, BSD-3-Clause")


def _script_safe(dataset: dict[str, Any]) -> str:
    """Return JSON that can't end the script element it stands in."""
    return json.dumps(dataset, allow_nan=False).replace("<", "\\u003c")


def _plain(text: str) -> str:
    """Return text that means nothing in HTML, since chemiscope's tables and tooltips don't escape."""
    return text.replace("&", "+").replace("<", "‹").replace(">", "›")


def _structure(atoms: Atoms) -> dict[str, Any]:
    x, y, z = np.round(atoms.get_positions(wrap=True), 4).T.tolist()
    cell = np.round(np.asarray(atoms.cell).ravel(), 4).tolist()
    return {"size": len(atoms), "names": atoms.get_chemical_symbols(), "x": x, "y": y, "z": z, "cell": cell}


def _properties(view: LandscapeView, shown: np.ndarray, formula: str) -> dict[str, Any]:
    """Return what chemiscope can put on axes and show beside a structure."""
    labels = view.labels[shown]
    labels[: len(view.names)] = np.arange(len(view.names))
    sizes, known = cluster_sizes(view), np.asarray(view.known, dtype=bool)
    loose = f"found fewer than {view.min_samples} times"
    kinds = [loose if k < 0 else "known phase" if known[k] else "new phase" for k in labels]
    columns = {
        "component 1": (view.coordinates[shown, 0], ""),
        "component 2": (view.coordinates[shown, 1], ""),
        "enthalpy above the lowest": (view.enthalpy[shown] - np.nanmin(view.enthalpy), f"eV per {formula}"),
        "volume": (view.volume[shown], f"A^3 per {formula}"),
        "formula units": (view.structures.formula_units[shown].astype(float), ""),  # type: ignore[union-attr]
        "times found": (np.array([1.0 if k < 0 else float(max(sizes[k], 1)) for k in labels]), ""),
    }
    numbers = {
        name: {"target": "structure", "values": np.round(values, 6).tolist(), **({"units": unit} if unit else {})}
        for name, (values, unit) in columns.items()
    }
    texts = {"phase": [loose if k < 0 else _plain(str(view.names[k])) for k in labels], "kind": kinds}
    return {**numbers, **{name: {"target": "structure", "values": values} for name, values in texts.items()}}
