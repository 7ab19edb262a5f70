"""LAMMPS as plain text: scripts of molecular dynamics in, series and crystals out."""
