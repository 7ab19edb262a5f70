"""Lattice dynamics, the volume grid, and the quasi-harmonic Gibbs energy."""
