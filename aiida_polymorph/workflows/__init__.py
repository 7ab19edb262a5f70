"""WorkChains, one for each question, and their protocols."""
