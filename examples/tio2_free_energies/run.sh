#!/bin/bash
# Gibbs energies of twelve TiO2 phases by molecular dynamics: run.sh FOLDER
#
# Makes an AiiDA profile of its own in FOLDER, of each phase FOLDER/NAME.json, of places where a phase does not last a
# picture in FOLDER/lost, harmonic energies, and what compares them in FOLDER/figures. One and a half hours on two cores;
# run again, it takes up with the first phase that it has not.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mkdir -p "$1" && cd "$1" && pwd)
export AIIDA_PATH=$folder OMP_NUM_THREADS=1
# Programs beside this environment's Python, where it is not activated: make run from a checkout.
[ -x "$here/../../.venv/bin/aiida-polymorph" ] && PATH=$here/../../.venv/bin:$PATH

say() { echo "$(date +%H:%M:%S) $*" | tee -a "$folder/run.log" >&2; }
integrate() { # NAME PRESSURES
    [ -s "$folder/$1.json" ] && return
    say "$1 at $2 GPa"
    aiida-polymorph integrate "$folder/structures/$1.res" --potential matsui-akaogi --pressure "$2" \
        --temperature "${TEMPERATURES:-700,1000,1300,1600}" --target-error 0.0007 --figures "$folder/lost" --json > "$folder/part.json" 2>> "$folder/run.log" \
        && mv "$folder/part.json" "$folder/$1.json" || say "$1 failed, see run.log"
}

aiida-polymorph setup > "$folder/setup.log" 2>&1
python "$here/candidates.py" "$folder/structures"
integrate rutile 0,5,10,15,20
integrate columbite 0,10,20,30,40,50
integrate pyrite 0,20,40,60,70
integrate 60GPa-a-R3 0,20,40,60,70
integrate 0GPa-a-P21c 0,20,40,50
integrate anatase 0,10,20
integrate brookite 0,10,20
integrate cotunnite 20,40,60,70
integrate OIanalogue 0,20,40,60,70
integrate fluorite 50,60,70
integrate 0GPa-b-P21c 0,20,40
integrate baddeleyite 20
harmonic() { # NAME PRESSURE...
    local name=$1 pressure temperature file
    for pressure in "${@:2}"; do
        for temperature in 700 1600; do
            file=$folder/harmonic/$name-$pressure-$temperature.json
            [ -s "$file" ] && continue
            say "$name at $pressure GPa, $temperature K, harmonic"
            aiida-polymorph free-energy "$folder/structures/$name.res" --potential matsui-akaogi --method harmonic \
                --pressure "$pressure" --temperature "$temperature" --json > "$folder/part.json" 2>> "$folder/run.log" \
                && mv "$folder/part.json" "$file" || say "failed, see run.log"
        done
    done
}
mkdir -p "$folder/harmonic"
harmonic rutile 0 20
harmonic columbite 0 20 40
harmonic pyrite 0 20 40 60 70
harmonic 60GPa-a-R3 40 60 70
harmonic OIanalogue 40 60 70
harmonic 0GPa-a-P21c 0 20

say "comparing"
integrated=$(python "$here/nodes.py" integrate)
# The search gave the new phases names of its own.
aiida-polymorph compare $integrated $(python "$here/nodes.py" harmonic) \
    --phases "$here/../tio2_paper/phases.extxyz.gz" --relative-to pyrite \
    --name 0GPa-a-P21c=0-a-P21/c --name 0GPa-b-P21c=20-a-P21/c --name 60GPa-a-R3=60-a-R-3 --name OIanalogue=OI \
    --figures "$folder/figures" --json > "$folder/compare.json"
aiida-polymorph coexistence $integrated --figure "$folder/figures/coexistence.png" --json > "$folder/coexistence.json"
say "done"
