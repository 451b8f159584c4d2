"""Takes out of wheels what a set of native libraries needs.

    python3 unpack.py SET DIRECTORY WHEEL...

Each rule gives the start of names inside a wheel and what it becomes; the
rest of a wheel is left out. A rule that finds nothing is an error.
"""

import pathlib
import shutil
import sys
import zipfile

RULES = {
    "tensorflow": {
        "tensorflow/libtensorflow_cc.so.2": "libtensorflow_cc.so.2",
        "tensorflow/libtensorflow_framework.so.2": "libtensorflow_framework.so.2",
    },
    # The half of the CUDA build that computes on the CPU, and the two CUDA
    # libraries that it cannot be loaded without. It looks for them in its own
    # directory last.
    "torch": {
        "torch/lib/libtorch_cpu.so": "lib/libtorch_cpu.so",
        "torch/lib/libc10.so": "lib/libc10.so",
        "torch/lib/libgomp.so.1": "lib/libgomp.so.1",
        "nvidia/cu13/lib/libcudart.so.13": "lib/libcudart.so.13",
        "nvidia/cu13/lib/libcupti.so.13": "lib/libcupti.so.13",
        "torch/include/": "include/",
    },
    "tensorflow-gpu": {
        "tensorflow/libtensorflow_cc.so.2": "tensorflow/libtensorflow_cc.so.2",
        "tensorflow/libtensorflow_framework.so.2": "tensorflow/libtensorflow_framework.so.2",
        "nvidia/": "nvidia/",
    },
    "torch-gpu": {"torch/lib/": "torch/lib/", "torch/include/": "torch/include/", "nvidia/": "nvidia/"},
}


def main(name, directory, *wheels):
    found = set()
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            for member in archive.infolist():
                for start, target in RULES[name].items():
                    if member.filename.startswith(start) and not member.is_dir():
                        found.add(start)
                        place = pathlib.Path(directory, target + member.filename[len(start) :])
                        place.parent.mkdir(parents=True, exist_ok=True)
                        with archive.open(member) as source, open(place, "wb") as out:
                            shutil.copyfileobj(source, out, 1 << 20)
    missing = RULES[name].keys() - found
    if missing:
        sys.exit("the wheels do not hold " + ", ".join(sorted(missing)))


main(*sys.argv[1:])
