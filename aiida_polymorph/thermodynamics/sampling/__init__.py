"""Series of molecular dynamics with their errors, equilibration, and the supercells that runs start from."""
