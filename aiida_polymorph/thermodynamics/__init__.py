"""Thermodynamics, in rooms by what they answer: sampling, free_energy, phonons, surfaces, diagrams, static."""
