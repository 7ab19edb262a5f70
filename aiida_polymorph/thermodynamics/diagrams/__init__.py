"""Chemical potentials, coexistence lines, stable phases, and the comparison of sources."""
