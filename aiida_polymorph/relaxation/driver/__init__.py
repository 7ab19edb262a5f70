"""What travels with a relaxation job and runs on the computer: needs NumPy and one calculator there, nothing else."""
