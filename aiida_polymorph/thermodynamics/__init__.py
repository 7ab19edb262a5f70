"""Chemical potentials and phase diagrams."""
