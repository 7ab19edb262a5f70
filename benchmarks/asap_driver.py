"""The same analysis by ASAP: run by `analysis.py` with its interpreter, `asap_driver.py IN.xyz OUT.npz OPTIONS.json`.

What ASAP 0.0.2 needed to run with today's packages, all of it done here and nothing of it in its own code:
its SOAP call uses the names of DScribe 1 (`rcut`, `nmax`, `lmax`, `crossover`), which are translated; SciPy's `eigh`
lost the argument `eigvals`, which is translated; its reading of descriptors from the .xyz file passes a generator to
`numpy.hstack`, so the design matrix is taken from memory; its worker processes must be forked to see the translations.
Its PCA scales each component; the scale is taken off again, since one eps would else mean something else along each.
The structures come with all atoms inside their cell: DScribe misses neighbours of others, which ASAP does not mend;
and the lattice vectors are turned round where their entries have a negative sum: ASAP takes such a cell for none.
Of its own steps the fastest sensible ones are taken: descriptors over several processes, linear PCA, ridge regression.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import dscribe.descriptors
import joblib
import numpy as np
import scipy.linalg

EIGH, SOAP = scipy.linalg.eigh, dscribe.descriptors.SOAP
STEPS: dict[str, dict[str, float]] = {}


def soap_of_dscribe_1(rcut: float, nmax: int, lmax: int, crossover: bool, **others: object) -> SOAP:
    """Make DScribe 2's SOAP from the arguments of DScribe 1."""
    compression = {"mode": "off" if crossover else "crossover"}
    return SOAP(r_cut=rcut, n_max=nmax, l_max=lmax, compression=compression, **others)


def eigh_of_old_scipy(matrix: np.ndarray, eigvals: tuple[int, int] | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Call `eigh` with the argument's name of today."""
    return EIGH(matrix, subset_by_index=eigvals)


@contextlib.contextmanager
def timed(name: str) -> Iterator[None]:
    """Note wall and CPU seconds of a step, finished child processes included."""
    wall, cpu = time.perf_counter(), sum(os.times()[:4])
    yield
    STEPS[name] = {"wall": time.perf_counter() - wall, "cpu": sum(os.times()[:4]) - cpu}


def main(source: str, target: str, arguments: str) -> None:
    """Run ASAP's steps and write what they give to `target`, their times to standard output."""
    options = json.loads(Path(arguments).read_text())
    dscribe.descriptors.SOAP, scipy.linalg.eigh = soap_of_dscribe_1, eigh_of_old_scipy
    with contextlib.redirect_stdout(sys.stderr), joblib.parallel_backend("multiprocessing"):
        results = run(source, options)
    np.savez(target, **results)
    memory = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(json.dumps({"steps": STEPS, "peak_memory_gb": memory / 1024**2}))


def run(source: str, options: dict) -> dict[str, np.ndarray]:
    """Return descriptors, coordinates, labels and test errors."""
    with timed("import"):
        from asaplib.cluster import DBCluster, sklearn_DB
        from asaplib.data import ASAPXYZ, Design_Matrix
        from asaplib.fit import KRRSparse, RidgeRegression, SPARSE_KRR_Wrapper
        from asaplib.reducedim import Dimension_Reducers
    with timed("read"):
        frames = ASAPXYZ(source)
    with timed("fingerprints"):
        features = descriptors(frames, options)
    features = features / np.linalg.norm(features, axis=1, keepdims=True)
    with timed("map"):
        spec = {"pca": {"type": "PCA", "parameter": {"n_components": options["components"], "scalecenter": False}}}
        reducer = Dimension_Reducers(spec)
        coordinates = np.asarray(reducer.fit_transform(features))
        coordinates = coordinates / np.linalg.norm(reducer.engines["pca"].pvec, axis=0)
    with timed("clusters"):
        clusters = DBCluster(sklearn_DB(options["eps"], options["min_samples"], "euclidean"))
        clusters.fit(coordinates)
    errors = {}
    targets = np.array(options["targets"])
    with timed("regression: ridge"):
        errors["ridge"] = fit(Design_Matrix(features, targets, True, 0.2), RidgeRegression(1e-4))
    with timed("regression: kernel, not in the sum"):
        kernel = {"first_kernel": {"type": "polynomial", "d": 2}}
        model = SPARSE_KRR_Wrapper(kernel, KRRSparse(0.0, None, 1e-4), sparse_mode="fps", n_sparse=500)
        errors["kernel"] = fit(Design_Matrix(features, targets, False, 0.2), model)
    if options["kernel_map"]:
        with timed("map by the whole kernel, not in the sum"):
            kernel = {"first_kernel": {"type": "linear"}}
            sparse = {"n_components": options["components"], "n_sparse": -1, "kernel": kernel}
            Dimension_Reducers({"skpca": {"type": "SPARSE_KPCA", "parameter": sparse}}).fit_transform(features)
    labels = np.asarray(clusters.get_cluster_labels())
    return {"features": features, "coordinates": coordinates, "labels": labels, "errors": json.dumps(errors)}


def descriptors(frames: object, options: dict) -> np.ndarray:
    """Compute SOAP averaged over the centres of each species."""
    soap = {"type": "SOAP", "cutoff": options["cutoff"], "n": options["n_max"], "l": options["l_max"]}
    soap |= {"atom_gaussian_width": options["sigma"], "rbf": "gto", "crossover": True}
    reducer = {"reducer_type": "average", "element_wise": True}
    spec = {"soap": {"atomic_descriptor": {"soap1": soap}, "reducer_function": {"reducer1": reducer}}}
    frames.compute_global_descriptors(spec, sbs=[], keep_atomic=False, tag="soap", n_process=options["processes"])
    return frames.fetch_computed_descriptors(["soap"])


def fit(matrix: object, model: object) -> dict[str, float]:
    """Return mean absolute and root-mean-square error on ASAP's test set."""
    model.fit(matrix.X_train, matrix.y_train)
    residual = model.predict(matrix.X_test) - matrix.y_test
    return {"mae": float(np.abs(residual).mean()), "rmse": float(np.sqrt(np.mean(residual**2)))}


if __name__ == "__main__":
    main(*sys.argv[1:])
