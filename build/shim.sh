#!/usr/bin/env bash
# Builds csrc into build/out/lib/libptorch.so against LibTorch's headers, and
# csrc/cuda into libptorch_cuda.so beside it where CUDA's half of LibTorch and
# CUDA's headers are:
#   build/shim.sh
# LibTorch is $PTYCHO_LIBTORCH or the set that fetch.sh put into the cache.
# CUDA's headers are those of $CUDA_HOME or of the folder nvidia beside LibTorch,
# as pip installs them. Nothing is done where neither sources nor LibTorch have
# changed. The libraries have no path of this machine in them: the program opens
# LibTorch before them.
set -euo pipefail
cd "$(dirname "$0")/.."
. build/natives.sh

torch="$(torch_dir)"
[ -e "$torch/include/ATen/ATen.h" ] && [ -e "$torch/lib/libtorch_cpu.so" ] ||
  die "no LibTorch in $torch (include/ATen/ATen.h, lib/libtorch_cpu.so); run: make native"

lib=build/out/lib
cxx="${CXX:-g++}"
command -v "$cxx" >/dev/null || die "no C++ compiler ($cxx); on Debian or Ubuntu: apt-get install g++"
flags=(-std=c++20 -O2 -fPIC -shared -Wall -Wextra)

# library NAME SOURCES_AND_FLAGS...: makes one, unless it is there already, made of
# the same things.
library() {
  local out="$lib/$1" stamp
  shift
  stamp="$(
    echo "$cxx" "$("$cxx" -dumpfullversion)" "${flags[@]}" "$@" "$torch"
    find csrc -type f | sort | xargs cat "$torch/include/torch/csrc/api/include/torch/version.h" build/shim.sh | sha256sum
  )"
  if [ -e "$out" ] && [ "$(cat "$out.stamp" 2>/dev/null)" = "$stamp" ]; then
    echo "shim: $out is up to date"
    return
  fi
  mkdir -p "$lib"
  rm -f "$out.stamp"
  "$cxx" "${flags[@]}" -isystem "$torch/include" -isystem "$torch/include/torch/csrc/api/include" "$@" -o "$out.new" \
    -Wl,--version-script=csrc/ptorch.map -Wl,--no-undefined -L"$torch/lib" -ltorch_cpu -lc10 \
    -Wl,-rpath-link,"$torch/lib"
  mv "$out.new" "$out"
  echo "$stamp" >"$out.stamp"
  echo "shim: built $out"
}

# The directory of CUDA's headers: given, of pip's packages beside LibTorch, or the system's.
cuda_headers() {
  local dir
  for dir in ${CUDA_HOME:+"$CUDA_HOME/include"} "$torch"/../nvidia/*/include /usr/local/cuda/include; do
    if [ -e "$dir/cuda_runtime_api.h" ] && [ -e "$dir/crt/host_defines.h" ]; then
      echo "$dir"
      return
    fi
  done
}

library libptorch.so csrc/*.cpp
cuda="$(cuda_headers)"
if [ -n "$cuda" ] && [ -e "$torch/lib/libtorch_cuda.so" ]; then
  library libptorch_cuda.so csrc/cuda/*.cpp -isystem "$cuda" -ltorch_cuda -lc10_cuda -Wl,--allow-shlib-undefined
  exit
fi
rm -f "$lib"/libptorch_cuda.so* # of another LibTorch
if [ ! -e "$torch/lib/libtorch_cuda.so" ]; then
  echo "shim: no libptorch_cuda.so: $torch has no CUDA half (lib/libtorch_cuda.so)"
else
  echo "shim: no libptorch_cuda.so, so that no CUDA graphs: cuda_runtime_api.h with its folder crt is neither in \$CUDA_HOME/include nor in nvidia/*/include beside $torch"
fi
