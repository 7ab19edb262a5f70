"""Settings of the documentation: `make docs`."""

import sys
from pathlib import Path

from aiida_polymorph import __version__

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "aiida-polymorph"
author = "The aiida-polymorph developers"
copyright = f"2026, {author}"
release = __version__

extensions = ["myst_parser", "formulas"]
myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
nitpicky = True

html_theme = "furo"
html_title = f"aiida-polymorph {release}"
html_math_renderer = "drawn"
html_static_path = ["_static"]
html_css_files = ["wide.css"]
html_copy_source = False
html_theme_options = {"navigation_with_keys": True}
