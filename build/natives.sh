# Read by the other scripts: places and pins of the native runtimes. The rules
# are those of build.go.

die() {
  echo "${0##*/}: $*" >&2
  exit 1
}

natives=build/natives.txt
cache="${PTYCHO_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ptychobridge}"
case "$cache" in
/*) ;;
*) die "the cache $cache is a relative path, which means another place in every directory; give PTYCHO_CACHE as an absolute one" ;;
esac

pins() { awk -v set="$1" '$1 == set { $1 = $1; print }' "$natives"; } # lines of a set
stamp() { pins "$1" && echo "layout 1"; }                               # what a complete set is marked with
version() { pins "$1" | awk 'NR == 1 { print $3 }'; }
set_dir() { echo "$cache/$1-$(version "$1")"; }
torch_dir() { echo "${PTYCHO_LIBTORCH:-$(set_dir torch)}"; }
tensorflow_dir() { echo "${PTYCHO_LIBTENSORFLOW:-$(set_dir tensorflow)}"; }
