#!/usr/bin/env bash
# Fetches sets of native libraries into the cache:
#   build/fetch.sh [--dry-run] SET...      tensorflow torch tensorflow-gpu torch-gpu
# The wheels are pinned in natives.txt and checked by their hashes. A set is
# made aside and moved into place when it is complete, so that an interrupted
# run leaves nothing that looks valid. A set that is there already is left
# alone; so is one that the user gives by PTYCHO_LIBTENSORFLOW or
# PTYCHO_LIBTORCH. --dry-run shows what would be downloaded.
set -euo pipefail
cd "$(dirname "$0")/.."
. build/natives.sh

dry_run=
partial=
trap 'rm -rf "$partial"' EXIT
trap 'exit 130' INT TERM

# Tags of wheels that glibc 2.28 can load; pip wants each by its name.
platforms=()
for minor in 28 27 26 25 24 23 22 21 20 19 18 17 12 5; do platforms+=(--platform "manylinux_2_${minor}_x86_64"); done
for old in 2014 2010 1; do platforms+=(--platform "manylinux${old}_x86_64"); done

# given SET DIRECTORY FILE: the user has this set, or says so wrongly.
given() {
  [ -e "$2/$3" ] || die "$1: $2 was given and does not hold $3"
  echo "fetch: $1: using $2"
}

valid() { [ -e "$2/.complete" ] && [ "$(stamp "$1")" = "$(cat "$2/.complete")" ]; }

requirements() { pins "$1" | awk '{ print $2 "==" $3 " --hash=sha256:" $4 }'; }

need_pip() {
  [ "$(uname -sm)" = "Linux x86_64" ] || die "the pinned libraries are for x86-64 Linux; give your own by PTYCHO_LIBTENSORFLOW and PTYCHO_LIBTORCH"
  command -v python3 >/dev/null || die "no python3; on Debian or Ubuntu: apt-get install python3 python3-pip"
  python3 -m pip --version >/dev/null 2>&1 || die "python3 has no pip; on Debian or Ubuntu: apt-get install python3-pip"
}

download() {
  local set="$1" progress=off
  [ -t 1 ] && progress=on
  requirements "$set" >"$partial/requirements.txt"
  # pip puts what it downloads into TMPDIR first, and /tmp may be small.
  mkdir "$partial/tmp"
  TMPDIR="$partial/tmp" python3 -m pip download --no-cache-dir --disable-pip-version-check --no-input --progress-bar "$progress" \
    --require-hashes -r "$partial/requirements.txt" --no-deps --only-binary=:all: \
    --python-version 3.11 --implementation cp "${platforms[@]}" --dest "$partial/wheels" ||
    die "$set: the download failed and nothing was changed; run it again, or give a directory that you have ($2)"
}

fetch() {
  local set="$1" dir
  dir="$(set_dir "$set")"
  if valid "$set" "$dir"; then
    echo "fetch: $set: $dir is complete"
    return
  fi
  if [ -n "$dry_run" ]; then
    echo "fetch: $set: would make $dir of"
    requirements "$set" | sed 's/^/  /'
    return
  fi
  need_pip
  echo "fetch: $set $(version "$set") into $dir"
  mkdir -p "$cache"
  find "$cache" -maxdepth 1 -name '.partial-*' -mtime +0 -exec rm -rf {} + # of runs that were killed
  partial="$(mktemp -d "$cache/.partial-$set-XXXXXX")"
  download "$set" "$2"
  mkdir "$partial/set"
  python3 build/unpack.py "$set" "$partial/set" "$partial"/wheels/*.whl || die "$set: unpacking failed and nothing was changed"
  rm -r "$partial/wheels"
  stamp "$set" >"$partial/set/.complete"
  sync -f "$partial/set"
  if ! valid "$set" "$dir"; then # another run may have been faster
    rm -rf "$dir"
    mv -T "$partial/set" "$dir"
  fi
  rm -rf "$partial"
  echo "fetch: $set: done"
}

[ $# -gt 0 ] || die "which sets? tensorflow torch tensorflow-gpu torch-gpu"
for set in "$@"; do
  case "$set" in
  --dry-run) dry_run=1 ;;
  tensorflow)
    if [ -n "${PTYCHO_LIBTENSORFLOW:-}" ]; then given "$set" "$PTYCHO_LIBTENSORFLOW" libtensorflow_cc.so.2; else fetch "$set" PTYCHO_LIBTENSORFLOW; fi
    ;;
  torch)
    if [ -n "${PTYCHO_LIBTORCH:-}" ]; then given "$set" "$PTYCHO_LIBTORCH" lib/libtorch_cpu.so; else fetch "$set" PTYCHO_LIBTORCH; fi
    ;;
  tensorflow-gpu) fetch "$set" PTYCHO_LIBTENSORFLOW ;;
  torch-gpu) fetch "$set" PTYCHO_LIBTORCH ;;
  *) die "no set is named $set; there are: tensorflow torch tensorflow-gpu torch-gpu" ;;
  esac
done
