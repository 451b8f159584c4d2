#!/usr/bin/env bash
# Runs a command and fails where it leaves the working tree changed:
#   build/unchanged.sh COMMAND...
set -euo pipefail
cd "$(dirname "$0")/.."

state() { git status --porcelain && git diff | sha256sum; }

before="$(state)"
"$@"
[ "$(state)" = "$before" ] || {
  echo "unchanged.sh: the command changed the working tree:" >&2
  git status --short >&2
  exit 1
}
