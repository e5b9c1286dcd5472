#!/bin/sh
# The main job, as a user does it: a teacher that saw every label, a student that sees few, and the page that compares.
# scikit-learn's digits ship with a dependency, so nothing is downloaded. Usage: sh demo.sh [FOLDER]
set -eu
out=${1:-demo}

say() { printf '\n$ joryu %s\n' "$*"; joryu "$@"; }

say train --network cnn:32x4 --examples digits --views shift:1 --epochs 30 --batch-size 64 --learning-rate 0.003 \
    --out "$out/teacher"
say label --teacher "run:$out/teacher" --examples digits --out "$out/targets"
say audit "$out/targets"
say verify "$out/targets"
say distill --student mlp:32x1 --examples digits --targets "$out/targets" --labelled 0.05 --twin --temperature 4 \
    --epochs 100 --batch-size 64 --learning-rate 0.005 --out "$out/run"
say report "$out/run"
printf '\nOpen %s in a browser.\n' "$out/run/report.html"
