"""The command line `aiida-polymorph`."""
