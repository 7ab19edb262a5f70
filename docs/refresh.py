"""Put the output and the pictures of a demo into these pages.

`AIIDA_PATH=.demo python docs/refresh.py [LOG]` after `make demo 2>&1 | tee LOG`. In the pages, the block after a line
`<!-- output: COMMAND -->` is replaced by what the command prints, the one after `<!-- demo -->` by the log.
"""

from __future__ import annotations

import itertools
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parent
MOST_LINES = 32
PICTURES = {
    "phase-diagram": "phase-diagram-basin",
    "map-20GPa": "map",
    "eps-20GPa": "eps",
    "chemical-potentials-1600K-known": "chemical-potentials-known",
    "chemical-potentials-1600K-new": "chemical-potentials-new",
    "surrogate-enthalpy-20GPa": "surrogate",
}
BLOCK = re.compile(r"<!-- (?P<what>demo|output: (?P<command>.*?)) -->\n```text\n.*?^```$", re.M | re.S)


def output_of(command: str) -> str:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "COLUMNS": "120"}
    done = subprocess.run(
        shlex.split(command), env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True
    )
    lines = done.stdout.rstrip().splitlines()
    cut = [f"... ({len(lines) - MOST_LINES} lines more)"] if len(lines) > MOST_LINES + 3 else []
    return "\n".join((lines[:MOST_LINES] if cut else lines) + cut)


def filled(text: str, log: str) -> str:
    def block(match: re.Match) -> str:
        printed = output_of(match["command"]) if match["command"] else log
        return f"<!-- {match['what']} -->\n```text\n{without_paths(printed)}\n```"

    return BLOCK.sub(block, text)


def shortened(log: str) -> str:
    """Return the log of a demo with only the first and the last lines of each run of progress lines."""
    lines = [line for line in log.splitlines() if not re.match(r"(real|user|sys)\t|.*\[WARNING\]", line)]
    kept: list[str] = []
    for kind, group in itertools.groupby(
        lines, lambda line: (re.match(r"analysis:|prediction:|\d+ GPa \d+ of", line) or [""])[0][:4]
    ):
        run = list(group)
        kept += run if not kind or len(run) < 8 else [*run[:3], "...", *run[-2:]]
    return "\n".join(kept).strip()


def without_paths(text: str) -> str:
    home = str(Path(os.environ["AIIDA_PATH"]).resolve())
    text = text.replace(f"{Path(home).parent}/.venv", ".venv")
    return text.replace(home, ".demo").replace(f"AIIDA_PATH={os.environ['AIIDA_PATH']}", "AIIDA_PATH=.demo")


def draw() -> None:
    from aiida import load_profile

    from aiida_polymorph.report.canvas import save_figure
    from aiida_polymorph.report.gallery import all_pictures
    from aiida_polymorph.results.analysis import latest_analysis
    from aiida_polymorph.results.report_data import report_data

    load_profile()
    shutil.copy(Path(os.environ["AIIDA_PATH"]) / "diagram.png", DOCS / "images" / "phase-diagram.png")
    for picture in all_pictures(report_data(latest_analysis())):
        if picture.stem in PICTURES:
            print(save_figure(picture.figure, DOCS / "images" / f"{PICTURES[picture.stem]}.png", dpi=110))


def main() -> None:
    draw()
    page = DOCS / "tutorial.md"
    log = Path(sys.argv[1]).read_text() if len(sys.argv) > 1 else ""
    page.write_text(filled(page.read_text(), shortened(log)))


if __name__ == "__main__":
    main()
