"""Better estimates of the entropy from the same searches: `verdi run examples/tio2_paper/entropy.py ANALYSIS ...`.

Sets what each estimate says of the phases against two truths: the harmonic entropy of every phase found, from forces
on displaced supercells, and the entropies of the reference table at 700 K, where it has the phase. Parameters are
fitted with the phase that is judged left out.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import spglib
from aiida import orm
from ase import Atoms
from estimates import judge
from joblib import Parallel, delayed
from reference import thermodynamic_entropy

from aiida_polymorph.driver.engines import make_engine
from aiida_polymorph.landscape.basin_entropy import fit_basin_entropy
from aiida_polymorph.landscape.multiplicity import log_multiplicity
from aiida_polymorph.landscape.symmetry import point_group_order, primitive_cell
from aiida_polymorph.structures import StructureSet
from aiida_polymorph.thermodynamics.harmonic import Forces, harmonic_entropy

TEMPERATURE_K = 700.0
SMALL = 4
"""Formula units up to which the estimate `s_b, small cells` looks."""
