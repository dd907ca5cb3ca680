"""numba, as the loops of the stages need it.

When it compiles or loads its first function, numba imports scipy.linalg to find a BLAS, which costs more than all the loops of visavis
together: 0.2 s of a core at every start. None of them uses linear algebra, so scipy is hidden from it at that moment.
"""

import sys

import numba

if "numba.np.arraymath" not in sys.modules and "scipy.linalg" not in sys.modules:
    sys.modules["scipy.linalg"] = None  # type: ignore[assignment]  # an import of it then raises ImportError
    try:
        import numba.np.arraymath
    finally:
        del sys.modules["scipy.linalg"]

njit = numba.njit
