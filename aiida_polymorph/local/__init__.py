"""The runner without AiiDA: relaxations and free energies on this machine."""
