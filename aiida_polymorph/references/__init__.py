"""Known phases that ship with the package."""
