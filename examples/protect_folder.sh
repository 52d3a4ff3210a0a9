#!/bin/sh
# The command line: protect a folder, keep a report, check the folder.
#   sh examples/protect_folder.sh [FOLDER] [OUTPUT]
# Without a folder it makes one that holds the package's public-domain portrait.
# PYTHON is the interpreter that has faceveil.
set -eu
PYTHON=${PYTHON:-python3}
FOLDER=${1:-photos}
OUTPUT=${2:-protected}
faceveil() { "$PYTHON" -m faceveil "$@"; }

if [ ! -e "$FOLDER" ]; then
  mkdir -p "$FOLDER/trip"
  "$PYTHON" - "$FOLDER/trip/portrait.png" <<'PY'
import pathlib, shutil, sys, faceveil
shutil.copy(pathlib.Path(faceveil.__file__).parent / "assets/astronaut.png", sys.argv[1])
PY
fi

faceveil protect "$FOLDER" --output "$OUTPUT" --strength 1 --report "$OUTPUT/report.json" --quiet
# A second run has nothing to do: what is there already is skipped.
faceveil protect "$FOLDER" --output "$OUTPUT" --strength 1

# "check" ends with 0 where it worked on every face and 1 where not; both are answers.
faceveil check "$FOLDER" "$OUTPUT" || echo "it did not work on every face"
