"""numba, as the loops of the stages need it.

When it compiles or loads its first function, numba imports scipy.linalg to find a BLAS, which costs more than all the loops of visavis
together: 0.2 s of a core at every start. None of them uses linear algebra, so scipy is hidden from it at that moment.
"""

import sys
from typing import Any

import numba

if "numba.np.arraymath" not in sys.modules and "scipy.linalg" not in sys.modules:
    sys.modules["scipy.linalg"] = None  # type: ignore[assignment]  # an import of it then raises ImportError
    try:
        import numba.np.arraymath
    finally:
        del sys.modules["scipy.linalg"]

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

njit = numba.njit

_BYTE, _LANE, _WORD = ir.IntType(8), ir.IntType(16), ir.IntType(32)
_PAIR = ir.VectorType(_BYTE, 8)


@intrinsic
def prefetch(typing: Any, array: Any, index: Any) -> Any:
    """Ask for the cache line of ``array[index]`` (one dimension, C order), which will be read soon: the textures are larger than the cache,
    and rows of a small triangle are too short and too far apart for the processor to guess what comes next."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = builder.gep(context.make_array(signature.args[0])(context, builder, arguments[0]).data, [arguments[1]])
        place = builder.bitcast(place, _BYTE.as_pointer())
        shape = ir.FunctionType(ir.VoidType(), [_BYTE.as_pointer(), _WORD, _WORD, _WORD])
        ask = builder.module.declare_intrinsic("llvm.prefetch", [_BYTE.as_pointer()], shape)
        to_read, into_all_levels, data = 0, 3, 1
        builder.call(ask, [place, _WORD(to_read), _WORD(into_all_levels), _WORD(data)])
        return context.get_dummy_value()

    return types.void(array, index), codegen


@intrinsic
def bilinear(typing: Any, texels: Any, at: Any, line: Any, across: Any, down: Any) -> Any:
    """The mean of the texel at ``at`` (uint64) with the ones right of it, below and below right, weighed by how far to the right and down
    the sample lies (int64, 1/256 texel), each of the four bytes rounded by itself. texels: uint32 (h * w,); line: w (uint64). uint32.

    All bytes at once, in words of a processor's vectors, which numba does not find by itself.
    """

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        texels, at, line, across, down = arguments
        data = context.make_array(signature.args[0])(context, builder, texels).data
        both = builder.lshr(builder.mul(across, down), at.type(8))
        right, below = builder.sub(across, both), builder.sub(down, both)
        here = builder.sub(at.type(256), builder.add(across, below))
        total = None
        for index, left_share, right_share in ((at, here, right), (builder.add(at, line), below, both)):
            pair = builder.load(builder.bitcast(builder.gep(data, [index]), _PAIR.as_pointer()), align=4)
            shares = ir.VectorType(_LANE, 2)(ir.Undefined)
            for number, share in enumerate((left_share, right_share)):
                shares = builder.insert_element(shares, builder.trunc(share, _LANE), _WORD(number))
            shares = builder.shuffle_vector(shares, shares, ir.VectorType(_WORD, 8)([0, 0, 0, 0, 1, 1, 1, 1]))
            product = builder.mul(builder.zext(pair, ir.VectorType(_LANE, 8)), shares)
            total = product if total is None else builder.add(total, product)
        ends = [builder.shuffle_vector(total, total, ir.VectorType(_WORD, 4)(list(range(i, i + 4)))) for i in (0, 4)]
        four = ir.VectorType(_LANE, 4)
        mean = builder.lshr(builder.add(builder.add(*ends), four([128] * 4)), four([8] * 4))
        return builder.bitcast(builder.trunc(mean, ir.VectorType(_BYTE, 4)), _WORD)

    return types.uint32(texels, at, line, across, down), codegen
