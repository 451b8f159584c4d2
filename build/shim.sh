#!/usr/bin/env bash
# Builds csrc into build/out/lib/libptorch.so against LibTorch's headers:
#   build/shim.sh
# LibTorch is $PTYCHO_LIBTORCH or the set that fetch.sh put into the cache.
# Nothing is done where neither sources nor LibTorch have changed. The library
# has no path of this machine in it: the program opens LibTorch before it.
set -euo pipefail
cd "$(dirname "$0")/.."
. build/natives.sh

torch="$(torch_dir)"
[ -e "$torch/include/ATen/ATen.h" ] && [ -e "$torch/lib/libtorch_cpu.so" ] ||
  die "no LibTorch in $torch (include/ATen/ATen.h, lib/libtorch_cpu.so); run: make native"

out=build/out/lib/libptorch.so
cxx="${CXX:-g++}"
command -v "$cxx" >/dev/null || die "no C++ compiler ($cxx); on Debian or Ubuntu: apt-get install g++"
flags=(-std=c++20 -O2 -fPIC -shared -Wall -Wextra)

# What the library depends on.
stamp="$(
  echo "$cxx" "$("$cxx" -dumpfullversion)" "${flags[@]}" "$torch"
  cat "$torch/include/torch/csrc/api/include/torch/version.h" csrc/* build/shim.sh | sha256sum
)"
if [ -e "$out" ] && [ "$(cat "$out.stamp" 2>/dev/null)" = "$stamp" ]; then
  echo "shim: $out is up to date"
  exit 0
fi

mkdir -p build/out/lib
rm -f "$out.stamp"
"$cxx" "${flags[@]}" -isystem "$torch/include" -isystem "$torch/include/torch/csrc/api/include" csrc/*.cpp -o "$out.new" \
  -Wl,--version-script=csrc/ptorch.map -Wl,--no-undefined -L"$torch/lib" -ltorch_cpu -lc10 \
  -Wl,-rpath-link,"$torch/lib"
mv "$out.new" "$out"
echo "$stamp" >"$out.stamp"
echo "shim: built $out"
