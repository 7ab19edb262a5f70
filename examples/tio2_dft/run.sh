#!/bin/bash
# Enthalpy of six TiO2 phases against pressure with Quantum ESPRESSO and with the Matsui-Akaogi potential: run.sh FOLDER
#
# Needs pw.x on PATH and, for each functional, a folder of pseudopotentials Ti.upf and O.upf: FOLDER/pseudos/PBE and so
# on (PseudoDojo 0.4, scalar-relativistic, standard; where there is a network, `aiida-pseudo install pseudo-dojo` brings
# them and this step is skipped). Makes an AiiDA profile of its own in FOLDER. Some hours on two cores for each
# functional; run again, it takes up with the jobs that it has not.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mkdir -p "$1" && cd "$1" && pwd)
export AIIDA_PATH=$folder OMP_NUM_THREADS=1
# Programs beside this environment's Python, where it is not activated: make run from a checkout.
[ -x "$here/../../.venv/bin/aiida-polymorph" ] && PATH=$here/../../.venv/bin:$PATH

aiida-polymorph setup
verdi code show pw@localhost > /dev/null 2>&1 || verdi code create core.code.installed --non-interactive \
    --label pw --computer localhost --filepath-executable "$(command -v pw.x)" \
    --default-calc-job-plugin quantumespresso.pw --no-with-mpi --prepend-text "export OMP_NUM_THREADS=1"
for functional in $(tr , " " <<< "${FUNCTIONALS:-PBE,LDA}"); do
    family=PseudoDojo/0.4/$functional/SR/standard/upf
    verdi group show "$family" > /dev/null 2>&1 \
        || aiida-pseudo install family --pseudo-type pseudo.upf "$folder/pseudos/$functional" "$family"
done
python "$here/phases.py" "$folder/structures"
cd "$folder/structures"
scan() {
    aiida-polymorph dft-scan rutile.cif columbite.cif pyrite.cif cotunnite.cif fluorite.cif anatase.cif \
        --engine quantum-espresso,lammps --functional "${FUNCTIONALS:-PBE,LDA}" --potential matsui-akaogi \
        --protocol fast --pressure 0,20,40,60 "$@"
}
scan --figure "$folder/scan.png" | tee "$folder/scan.txt"
scan --json > "$folder/points.json"
