"""Commands that only read: a module here is a command, `NAME.py` with `NAME_command`, and needs no other registration.

The rows and the columns of what it shows are a module of `aiida_polymorph.results`.
"""
