"""Relaxations of whole sets: job folders for the driver, what comes back, merged and counted."""
