"""Makes the archives that numpy_test.go reads; run it here. NumPy 2.4.6 made
those that stand here. The numbers are repeated in the test.
"""
import io
import zipfile

import numpy as np

signed = np.array([[-2, -1, 0], [1, 2, 100]])
unsigned = np.array([[0, 1, 2], [3, 100, 200]])
fractional = np.array([[-2.5, -1, 0], [0.125, 2, 1000]])
cplx = fractional + 1j * np.array([[1, -1, 0.5], [0, 4, 8]])

arrays = {"bool": np.array([[False, True, False], [True, True, False]])}
for order in "<>":
    name = {"<": "le", ">": "be"}[order]
    for code in ("i1", "i2", "i4", "i8"):
        arrays[f"{code}_{name}"] = signed.astype(order + code)
    for code in ("u1", "u2", "u4", "u8"):
        arrays[f"{code}_{name}"] = unsigned.astype(order + code)
    for code in ("f2", "f4", "f8"):
        arrays[f"{code}_{name}"] = fractional.astype(order + code)
    for code in ("c8", "c16"):
        arrays[f"{code}_{name}"] = cplx.astype(order + code)
    arrays[f"text_{name}"] = np.array(["añ€", "𝄞", ""]).astype(order + "U3")
arrays["fortran"] = np.asfortranarray(np.arange(24.0).reshape(2, 3, 4))
arrays["scalar"] = np.float64(2.5)
arrays["empty"] = np.zeros((0, 5), "<f4")
arrays["one"] = np.array([7], "<i4")
arrays["half_extremes"] = np.array([6e-8, 65504, np.inf, -np.inf, np.nan], "<f2")
arrays["bytes"] = np.array([b"abc"])
arrays["date"] = np.array(["2020-01-01"], "<M8[D]")
arrays["record"] = np.zeros(3, [("a", "<f4"), ("b", "<i2", (2, 2))])
arrays["object"] = np.array({"nphotons": 1e9}, dtype=object)

np.savez("numpy.npz", **arrays)
np.savez_compressed("numpy_deflated.npz", **arrays)

# NPY 2.0 and 3.0, which NumPy itself only takes for headers that need them.
with zipfile.ZipFile("numpy_versions.npz", "w") as z:
    for version in ((1, 0), (2, 0), (3, 0)):
        b = io.BytesIO()
        np.lib.format.write_array(b, fractional, version=version)
        z.writestr(f"v{version[0]}.npy", b.getvalue())
