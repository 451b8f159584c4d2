#!/usr/bin/env bash
# Makes the virtual environment of the peers in the cache and prints where it
# is. It is left alone while requirements.txt is the one it was made from; a run
# that was interrupted leaves nothing that looks valid.
#   PTYCHO_PYTHON   the Python to make it with; default: python3
set -euo pipefail
cd "$(dirname "$0")/../.."
. build/natives.sh

wanted=bench/peers/requirements.txt
venv="$cache/peers"
if cmp -s "$wanted" "$venv/.complete" && "$venv/bin/python" -c ''; then
  echo "$venv"
  exit
fi
python="${PTYCHO_PYTHON:-python3}"
command -v "$python" >/dev/null || die "no $python; on Debian or Ubuntu: apt-get install python3 python3-venv"
echo "venv: making $venv, a download of some 3 GB and 7 GB on the disk" >&2
rm -rf "$venv"
"$python" -m venv "$venv" >&2 || die "$python cannot make a virtual environment; on Debian or Ubuntu: apt-get install python3-venv"
# pip puts what it downloads into TMPDIR first, and /tmp may be small.
mkdir "$venv/tmp"
TMPDIR="$venv/tmp" "$venv/bin/python" -m pip install --no-cache-dir --disable-pip-version-check --no-input --progress-bar off \
  --require-hashes --only-binary=:all: -r "$wanted" >&2 || die "the installation failed; run it again"
rm -r "$venv/tmp"
cp "$wanted" "$venv/.complete"
echo "$venv"
