"""Gibbs energies over temperature and pressure: integration along isotherms and isobars, sweeps, interpolation."""
