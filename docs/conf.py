"""Settings of the documentation: `make docs`."""

from aiida_polymorph import __version__

project = "aiida-polymorph"
author = "The aiida-polymorph developers"
copyright = f"2026, {author}"
release = __version__

extensions = ["myst_parser"]
myst_enable_extensions = ["dollarmath", "amsmath", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
nitpicky = True

html_theme = "furo"
html_title = f"aiida-polymorph {release}"
html_copy_source = False
html_theme_options = {"navigation_with_keys": True}
# Formulas are rendered by MathJax, which the pages load from the network; without it they show as TeX.
