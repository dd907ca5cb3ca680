"""Reads a user's own MANO file (Romero, Tzionas, Black: Embodied Hands, 2017): ``MANO_RIGHT.pkl`` as published, or an .npz with its keys.

MANO's licence allows research only, so none comes with visavis. A pickle may name any function of any module and have it called: the
published files are read by an unpickler that knows arrays of numpy, and stand-ins for those of scipy.sparse and chumpy, which hold what
the file says and do nothing. Everything else is refused.
"""

import collections
import io
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

JOINTS = 16
PARENTS = (0, 1, 2, 0, 4, 5, 0, 7, 8, 0, 10, 11, 0, 13, 14)
"""Of the joints after the wrist: index, middle, pinky, ring and thumb, three each, as in ``motion.layout``."""
NEEDED = ("v_template", "f", "weights", "J_regressor", "kintree_table")
LARGEST_FILE = 100_000_000
HAND_LENGTH = (0.10, 0.35)
"""Metres that a hand may be long."""


class ManoError(ValueError):
    """A MANO file that cannot be used. The message says what is wrong and what to do about it."""


@dataclass(frozen=True)
class ManoHand:
    """A right hand in MANO's axes (fingers along -x, back of the hand +y, thumb towards +z), metres, pose nought, mean shape.

    points: float64 (V, 3). triangles: int32 (T, 3). weights: float64 (V, 16), rows sum to 1. joints: float64 (16, 3). correctives:
    float64 (V, 3, 135), how points move for each entry of the fifteen joints' rotations less the identity; (V, 3, 0) where the file has
    none.
    """

    points: NDArray[np.float64]
    triangles: NDArray[np.int32]
    weights: NDArray[np.float64]
    joints: NDArray[np.float64]
    correctives: NDArray[np.float64]


def read_mano(folder: Path) -> ManoHand:
    """The hand in ``folder``: MANO_RIGHT.pkl or .npz, else MANO_LEFT, whose mirror image it is. ManoError where there is none, or a broken
    one."""
    places = (folder, folder / "models", folder / "mano")  # where archives of MANO have it
    for side in ("RIGHT", "LEFT"):
        for path in (place / f"MANO_{side}{kind}" for place in places for kind in (".pkl", ".npz")):
            if path.is_file():
                try:
                    hand = _checked(_read_arrays(path), path)
                except OSError as error:
                    raise ManoError(f"{path} cannot be read: {error.strerror}") from error
                return hand if side == "RIGHT" else _mirrored(hand)
    raise ManoError(
        f"{folder} has no MANO_RIGHT.pkl, MANO_RIGHT.npz, MANO_LEFT.pkl or MANO_LEFT.npz: name the folder into which you unpacked MANO "
        "(https://mano.is.tue.mpg.de, for research only)"
    )


def _read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    if path.stat().st_size > LARGEST_FILE:
        raise ManoError(f"{path} is larger than {LARGEST_FILE // 1_000_000} MB and cannot be a MANO file")
    data = path.read_bytes()
    try:
        if path.suffix == ".npz":
            with np.load(io.BytesIO(data), allow_pickle=False) as stored:
                return {name: stored[name] for name in stored.files}
        held = _Unpickler(io.BytesIO(data), encoding="latin1").load()
        if not isinstance(held, dict):
            raise ValueError(f"it holds a {type(held).__name__}, not a dictionary")
        return {str(name): _array_of(value) for name, value in held.items() if str(name) in (*NEEDED, "posedirs")}
    except ManoError:
        raise
    except Exception as error:
        raise ManoError(f"{path} is not a MANO file ({error}): take the one that you downloaded, unchanged") from error


class _Held:
    """Stands in for an object of another library: keeps the state that the file gives it."""

    kind = ""

    def __init__(self, *_arguments: object) -> None:
        self.state: dict[str, Any] = {}

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, dict):
            raise ValueError(f"{self.kind} comes without its attributes")
        self.state = state


def _reconstruct(kind: type, _base: type, _state: object) -> _Held:
    """What ``copy_reg._reconstructor`` does, for stand-ins only."""
    if not (isinstance(kind, type) and issubclass(kind, _Held)):
        raise ValueError(f"it holds an object of {kind}")
    return kind()


def _encode(text: str, encoding: str) -> bytes:
    """What ``_codecs.encode`` does for bytes in old pickles."""
    if encoding != "latin1":
        raise ValueError(f"it encodes text as {encoding}")
    return text.encode("latin1")


_ARRAY_PARTS = {
    "ndarray": np.ndarray,
    "dtype": np.dtype,
    "_reconstruct": np.zeros(0).__reduce__()[0],
    "scalar": np.float64(0).__reduce__()[0],
}
_ARRAY_MODULES = ("numpy", "numpy.core.multiarray", "numpy._core.multiarray")


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str, /) -> Any:
        if module in _ARRAY_MODULES and name in _ARRAY_PARTS:
            return _ARRAY_PARTS[name]
        if module in ("copy_reg", "copyreg") and name == "_reconstructor":
            return _reconstruct
        if (module, name) == ("_codecs", "encode"):
            return _encode
        if module in ("__builtin__", "builtins") and name in ("object", "set"):
            return object if name == "object" else set
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if module.partition(".")[0] == "chumpy" or module.startswith("scipy.sparse"):
            return type(name, (_Held,), {"kind": f"{module}.{name}"})
        raise ManoError(
            f"the pickle asks for {module}.{name}, which no MANO file does; it was not read any further and nothing in it was run"
        )


def _array_of(value: Any) -> NDArray[Any]:
    """A dense array from what the file holds."""
    if not isinstance(value, _Held):
        return np.asarray(value)
    state, name = value.state, type(value).__name__
    if value.kind.startswith("chumpy"):
        if name == "Select":  # a view into another array
            picked = _array_of(state["a"]).ravel()[np.asarray(state["idxs"], np.int64).ravel()]
            return picked.reshape(state["preferred_shape"]) if state.get("preferred_shape") is not None else picked
        if "x" in state:
            return _array_of(state["x"])
        raise ValueError(f"it computes with {value.kind}, which is not known here")
    rows, columns = state["_shape"] if "_shape" in state else state["shape"]
    dense = np.zeros((int(rows), int(columns)))
    data = np.asarray(state["data"], np.float64)
    if name.startswith("coo"):
        row, column = state["row"], state["col"]
    elif name.startswith(("csc", "csr")):
        inner = np.asarray(state["indices"])
        outer = np.repeat(np.arange(len(state["indptr"]) - 1), np.diff(state["indptr"]))
        row, column = (inner, outer) if name.startswith("csc") else (outer, inner)
    else:
        raise ValueError(f"it has a matrix of the form {name}, which is not known here")
    np.add.at(dense, (row, column), data)
    return dense


def _checked(arrays: dict[str, NDArray[Any]], path: Path) -> ManoHand:
    missing = [name for name in NEEDED if name not in arrays]
    if missing:
        raise ManoError(f"{path} lacks {', '.join(missing)}: it is not a MANO file")
    try:
        points, weights, regressor = (np.asarray(arrays[name], np.float64) for name in ("v_template", "weights", "J_regressor"))
        triangles = np.asarray(arrays["f"]).astype(np.int64)
        parents = np.asarray(arrays["kintree_table"]).astype(np.int64)[0]
        count = len(points)
        for name, shape, wanted in (
            ("v_template", points.shape, (count, 3)),
            ("weights", weights.shape, (count, JOINTS)),
            ("J_regressor", regressor.shape, (JOINTS, count)),
            ("f", triangles.shape, (len(triangles), 3)),
            ("kintree_table", parents.shape, (JOINTS,)),
        ):
            if shape != wanted:
                raise ManoError(f"{path}: {name} has shape {shape}, a MANO hand {wanted}")
        if tuple(parents[1:].tolist()) != PARENTS:
            raise ManoError(f"{path}: its joints hang together as {parents.tolist()}, those of MANO otherwise")
        correctives = np.asarray(arrays.get("posedirs", np.zeros((count, 3, 0))), np.float64)
        if correctives.shape not in ((count, 3, 9 * (JOINTS - 1)), (count, 3, 0)):
            raise ManoError(f"{path}: posedirs has shape {correctives.shape}, a MANO hand {(count, 3, 135)}")
    except (TypeError, IndexError, ValueError) as error:
        if isinstance(error, ManoError):
            raise
        raise ManoError(f"{path} is not a MANO file ({error})") from error
    if not all(np.isfinite(values).all() for values in (points, weights, regressor, correctives)):
        raise ManoError(f"{path} holds numbers that are not finite")
    if count < 50 or not len(triangles) or triangles.min() < 0 or triangles.max() >= count:
        raise ManoError(f"{path}: its triangles name points that it does not have")
    if np.abs(weights.sum(1) - 1).max() > 0.02 or weights.min() < -1e-3:
        raise ManoError(f"{path}: the weights of a point do not sum to one")
    length = float(np.ptp(points, axis=0).max())
    if not HAND_LENGTH[0] <= length <= HAND_LENGTH[1]:
        raise ManoError(f"{path}: the hand is {length:.3g} long; it must be in metres, {HAND_LENGTH[0]} to {HAND_LENGTH[1]}")
    joints = regressor @ points
    return ManoHand(points, triangles.astype(np.int32), weights / weights.sum(1, keepdims=True), joints, correctives)


def _mirrored(hand: ManoHand) -> ManoHand:
    """A left hand as a right one."""
    mirror = np.array([-1.0, 1.0, 1.0])
    count = len(hand.points)
    turned = hand.correctives.reshape(count, 3, -1, 3, 3) if hand.correctives.size else hand.correctives
    if hand.correctives.size:
        turned = (turned * mirror[:, None, None, None] * mirror[:, None] * mirror).reshape(count, 3, -1)
    return ManoHand(hand.points * mirror, np.ascontiguousarray(hand.triangles[:, ::-1]), hand.weights, hand.joints * mirror, turned)
