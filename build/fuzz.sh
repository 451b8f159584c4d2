#!/usr/bin/env bash
# Runs every fuzz target of the module for a while, with cgo off:
#   build/fuzz.sh 10s
set -euo pipefail
cd "$(dirname "$0")/.."

grep -rhoE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+' . >/dev/null || {
  echo "fuzz.sh: no fuzz target was found" >&2
  exit 1
}
grep -roE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+' . | sort | while IFS=: read -r file target; do
  target="${target#func }"
  echo "fuzz: $target in $(dirname "$file")"
  # Minimising what it finds can take all the time there is.
  CGO_ENABLED=0 go test -run '^$' -fuzz "^$target\$" -fuzztime "$1" -fuzzminimizetime 1x "$(dirname "$file")"
done
