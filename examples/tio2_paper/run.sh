#!/bin/bash
# TiO2 at the scale of the paper: run.sh FOLDER [REFERENCE]
#
# Makes an AiiDA profile of its own in FOLDER, searches, analyses, and writes report, phases and, with the folder of the
# published data as REFERENCE, the comparison into FOLDER. Run again, it takes up what it has.
#
#   NUMBER=5040        structures at each pressure
#   PRESSURES=0,20,40,60   in GPa
#   STOP_AFTER=600     stop the daemon so many seconds after its start, wait for PAUSE=30 s, and start it again
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mkdir -p "$1" && cd "$1" && pwd)
reference=${2:+$(cd "$2" && pwd)}
export AIIDA_PATH=$folder OMP_NUM_THREADS=1
# Programs beside this environment's Python, where it is not activated: make run from a checkout.
[ -x "$here/../../.venv/bin/aiida-polymorph" ] && PATH=$here/../../.venv/bin:$PATH

say() { echo "$(date +%H:%M:%S) $*" | tee -a "$folder/run.log" >&2; }
log() { "$@" >> "$folder/run.log" 2>&1; }
start_daemon() {
    # A busy machine may be too slow for the daemon's own patience: try again.
    for _ in 1 2 3; do
        log verdi process repair || true
        log verdi daemon start && say "daemon started" && return
        sleep 10
    done
    say "the daemon does not start, see run.log"
}
stop_daemon() { log verdi daemon stop || true; say "daemon stopped"; }
interrupt() { sleep "$1"; stop_daemon; sleep "${PAUSE:-30}"; start_daemon; }

aiida-polymorph setup > "$folder/setup.log" 2>&1
start_daemon
trap 'kill %1 2> /dev/null || true; stop_daemon' EXIT
if [ -n "${STOP_AFTER:-}" ]; then interrupt "$STOP_AFTER" & fi

say "searching"
aiida-polymorph search TiO2 --potential matsui-akaogi --pressure "${PRESSURES:-0,20,40,60}" \
    --number "${NUMBER:-5040}" --json > "$folder/search.json"
of() { python -c 'import json, sys; print(*[row[sys.argv[2]] for row in json.load(open(sys.argv[1]))])' "$folder/search.json" "$1"; }
python "$here/check.py" $(of process) --json "$folder/check.json" | tee -a "$folder/run.log"
nodes=$(of node)

say "analysing"
aiida-polymorph analyse $nodes --json > "$folder/analysis.json"
analysis=$(python -c 'import json, sys; print(json.load(open(sys.argv[1]))["node"])' "$folder/analysis.json")
aiida-polymorph report "$analysis" -o "$folder/report.html"
aiida-polymorph export "$analysis" -o "$folder/phases.extxyz.gz"

if [ -n "$reference" ]; then
    say "comparing"
    aiida-polymorph analyse $nodes --references "$reference"/structures/*.res --json > "$folder/comparison-analysis.json"
    compared=$(python -c 'import json, sys; print(json.load(open(sys.argv[1]))["node"])' "$folder/comparison-analysis.json")
    python "$here/compare.py" "$compared" --reference "$reference" --json "$folder/comparison.json" \
        --figures "$folder/figures" > "$folder/comparison.md"
fi
say "done: $folder/report.html"
