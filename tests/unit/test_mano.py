"""A user's own MANO file in place of the built-in hands. MANO itself may not be passed on: the files here are made of visavis' own hand, in
MANO's form, so that the picture must stay nearly the same. Needs `visavis assets fetch`."""

import os
import pickle
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from numpy.typing import NDArray

from visavis.control.pose import ControlConfig, ControlStage
from visavis.evaluation.poses import POSES, motion_of
from visavis.motion.layout import LEFT_HAND, RIGHT_HAND
from visavis.motion.skeleton import HAND_LEFT, rotation_from_vector
from visavis.nodes.avatar import load_avatar
from visavis.portrait.arm_asset import BONES, load_arm_asset
from visavis.portrait.mano import with_mano
from visavis.portrait.mano_file import ManoError, read_mano
from visavis.types import MotionChunk
from visavis.types_portrait import PortraitRig
from visavis.video.renderer import VideoStage

HAND = BONES.index("hand")
STILL = ControlConfig(breath=0, sway=0, crossfade=0, limb_crossfade=0)
WRIST = (0.095, 0.006, 0.006)
GESTURES = ("hands raised", "pointing", "hand before the face")


class Ch:
    """As chumpy's: an array in its attribute x."""

    __module__ = "chumpy.ch"

    def __init__(self, x: object) -> None:
        self.x = x


class Select:
    """As chumpy's: a part of another array."""

    __module__ = "chumpy.reordering"

    def __init__(self, a: object, idxs: object, preferred_shape: tuple[int, ...]) -> None:
        self.a, self.idxs, self.preferred_shape = a, idxs, preferred_shape


@pytest.fixture
def chumpy() -> Iterator[None]:
    """Modules of that name for as long as files are written: pickle looks classes up by name."""
    modules = {
        "chumpy": types.ModuleType("chumpy"),
        "chumpy.ch": types.ModuleType("ch"),
        "chumpy.reordering": types.ModuleType("reordering"),
    }
    vars(modules["chumpy.ch"])["Ch"], vars(modules["chumpy.reordering"])["Select"] = Ch, Select
    assert not set(modules) & set(sys.modules)
    sys.modules.update(modules)
    yield
    for name in modules:
        del sys.modules[name]


def made_up(side: str = "RIGHT") -> dict[str, Any]:
    """The built-in hand with a little of the forearm, as MANO's arrays have a hand."""
    asset = load_arm_asset()
    mirror = np.array([-1.0 if side == "RIGHT" else 1.0, 1.0, 1.0])
    wrist = asset.heads[HAND].astype(np.float64)
    local = (asset.points - wrist) @ HAND_LEFT * mirror
    kept = asset.triangles[(local[asset.triangles][..., 0] * mirror[0] > -0.006).all(1)]
    used = np.unique(kept)
    number = np.full(len(local), -1)
    number[used] = np.arange(len(used))
    points = local[used] + WRIST * np.array([-mirror[0], 1, 1])
    bones = np.zeros((len(local), len(BONES)))
    for column in range(asset.bones.shape[1]):
        np.add.at(bones, (np.arange(len(bones)), asset.bones[:, column]), asset.weights[:, column])
    joints = (asset.heads[HAND:] - wrist) @ HAND_LEFT * mirror + WRIST * np.array([-mirror[0], 1, 1])
    regressor = np.c_[joints, np.ones(16)] @ np.linalg.pinv(np.c_[points, np.ones(len(points))])
    return {
        "v_template": points,
        "f": number[kept][:, :: -1 if side == "RIGHT" else 1].astype(np.uint32),
        "weights": np.c_[bones[used, : HAND + 1].sum(1), bones[used, HAND + 1 :]],
        "J_regressor": regressor,
        "kintree_table": np.array([[2**32 - 1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 0, 10, 11, 0, 13, 14], range(16)]),
        "shapedirs": np.zeros((len(points), 3, 10)),
        "posedirs": np.zeros((len(points), 3, 135)),
        "hands_mean": np.zeros(45),
        "hands_components": np.eye(45),
    }


def save_pickle(path: Path, arrays: dict[str, Any], protocol: int) -> None:
    """In the forms in which MANO is published; needs the fixture ``chumpy``."""
    count = len(arrays["v_template"])
    more = np.zeros((count, 3, 20))
    more[..., :10] = arrays["shapedirs"]
    numbers = np.arange(more.size).reshape(more.shape)[..., :10].ravel()
    chosen = np.arange(count * 3 * 155).reshape(count, 3, 155)[..., :135]
    held = arrays | {
        "J_regressor": scipy.sparse.csc_matrix(arrays["J_regressor"]),
        "shapedirs": Select(Ch(more), numbers, (count, 3, 10)),
        "posedirs": Select(Ch(np.dstack([arrays["posedirs"], more])), chosen.ravel(), (count, 3, 135)),
        "v_template": Ch(arrays["v_template"]),
        "bs_type": "lrotmin",
    }
    path.write_bytes(pickle.dumps(held, protocol=protocol))


def picture(rig: PortraitRig, pose: str) -> NDArray[np.uint8]:
    control, video = ControlStage(rig, STILL), VideoStage(rig)
    frame = control.step(MotionChunk(1, 0, motion_of(POSES[pose])[None]), control.initial_state())[0][0]
    return video.draw(frame.vertices, frame.shading, frame.arms)


@pytest.mark.usefixtures("chumpy")
def test_own_hands_in_the_form_of_mano_look_like_the_built_in_ones(portrait: PortraitRig, tmp_path: Path) -> None:
    arrays = made_up()
    save_pickle(tmp_path / "MANO_RIGHT.pkl", arrays, protocol=2)
    for module in [name for name in sys.modules if name.startswith("chumpy")]:
        vars(sys.modules[module]).clear()  # reading must not look for them
    rig = load_avatar("", "", str(tmp_path))
    assert rig.arms.vertices > portrait.arms.vertices and len(portrait.arms.correctives) == 0
    for pose in GESTURES:
        built_in, own = picture(portrait, pose).astype(int), picture(rig, pose).astype(int)
        apart = np.abs(own - built_in).max(-1)
        assert (apart > 40).sum() < 250, f"{pose}: pixels of hand and edge that differ"
        assert 0 < (apart > 0).sum() < 14_000


@pytest.mark.usefixtures("chumpy")
def test_every_form_of_the_file_gives_the_same_hand(tmp_path: Path) -> None:
    arrays = made_up()
    arrays["posedirs"] = np.random.default_rng(0).normal(size=arrays["posedirs"].shape) * 1e-3
    for protocol in (0, 2, 4):
        (tmp_path / f"{protocol}").mkdir()
        save_pickle(tmp_path / f"{protocol}" / "MANO_RIGHT.pkl", arrays, protocol)
    (tmp_path / "npz" / "models").mkdir(parents=True)
    np.savez(tmp_path / "npz" / "models" / "MANO_RIGHT.npz", **arrays)
    (tmp_path / "left").mkdir()
    np.savez(tmp_path / "left" / "MANO_LEFT.npz", **made_up("LEFT"))
    expected = read_mano(tmp_path / "npz")
    np.testing.assert_array_equal(expected.points, arrays["v_template"])
    np.testing.assert_allclose(expected.joints[0], WRIST, atol=1e-6)
    for folder in ("0", "2", "4"):
        hand = read_mano(tmp_path / folder)
        for name in ("points", "triangles", "weights", "correctives"):
            np.testing.assert_array_equal(getattr(hand, name), getattr(expected, name), err_msg=name)
        np.testing.assert_allclose(hand.joints, expected.joints, atol=1e-12)
    left = read_mano(tmp_path / "left")
    np.testing.assert_allclose(left.points, expected.points, atol=1e-9)
    assert {tuple(sorted(each)) for each in left.triangles.tolist()} == {tuple(sorted(each)) for each in expected.triangles.tolist()}


def test_points_move_with_the_pose_as_the_correctives_say(portrait: PortraitRig, tmp_path: Path) -> None:
    """By as much as the file says, at the hand's size; and what goes towards the back of the hand goes away from who sees the palms."""
    arrays = made_up()
    motion = motion_of(POSES["hands raised"])
    pose = np.random.default_rng(1).normal(size=(15, 3)) * 0.3
    motion[RIGHT_HAND], motion[LEFT_HAND] = pose.ravel(), (pose * (1, -1, -1)).ravel()
    feature = (rotation_from_vector(pose) - np.eye(3)).ravel()
    towards_back = np.zeros_like(arrays["posedirs"])
    towards_back[:, 1] = 0.02 * feature / (feature @ feature)
    seen = []
    for posedirs in (arrays["posedirs"], np.random.default_rng(0).normal(size=towards_back.shape) * 3e-3, towards_back):
        np.savez(tmp_path / "MANO_RIGHT.npz", **arrays | {"posedirs": posedirs})
        rig = with_mano(portrait, tmp_path)
        stage = ControlStage(rig, STILL)
        vertices = stage.step(MotionChunk(1, 0, motion[None]), stage.initial_state())[0][0].arms.astype(np.float64)
        depth = vertices[:, 2:] * 1e-4
        hand = np.arange(rig.arms.hand, rig.arms.hand + len(arrays["v_template"]))
        seen.append(np.concatenate([(vertices[:, :2] / 32 - rig.principal) / rig.focal * depth, depth], 1).reshape(2, -1, 3)[:, hand])
        wanted = np.linalg.norm(posedirs @ feature, axis=1)
    asset = load_arm_asset()
    scale = np.linalg.norm(np.subtract(*rig.arms.heads[[HAND + 4, HAND]])) / np.linalg.norm(np.subtract(*asset.heads[[HAND + 4, HAND]]))
    np.testing.assert_allclose(wanted, 0.02)
    random = np.linalg.norm(np.random.default_rng(0).normal(size=towards_back.shape) * 3e-3 @ feature, axis=1)
    for side in range(2):
        moved = np.linalg.norm(seen[1][side] - seen[0][side], axis=1)
        assert (np.abs(moved - random * scale) < 0.08 * random + 4e-4).mean() > 0.99  # skin between two bones shrinks
        away = (seen[2][side] - seen[0][side])[:, 2]
        assert away.mean() > 0.4 * 0.02 * scale  # raised hands lean, and fingers are bent


class Trap:
    """Pickled as a call of os.mkdir."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (self.path,)


def test_a_pickle_that_wants_more_than_arrays_is_refused_and_not_run(tmp_path: Path) -> None:
    trap = tmp_path / "made by the pickle"
    for protocol in (0, 2, 4):
        (tmp_path / "MANO_RIGHT.pkl").write_bytes(pickle.dumps({"v_template": Trap(str(trap))}, protocol=protocol))
        with pytest.raises(ManoError, match="mkdir"):
            read_mano(tmp_path)
        assert not trap.exists()


def test_files_that_are_no_hand_say_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(ManoError, match="MANO_RIGHT"):
        read_mano(tmp_path)
    path = tmp_path / "MANO_RIGHT.npz"
    arrays = made_up()
    for broken, said in (
        ({"weights": None}, "lacks weights"),
        ({"weights": arrays["weights"][:, :5]}, "weights has shape"),
        ({"weights": arrays["weights"] * 0.5}, "sum to one"),
        ({"v_template": arrays["v_template"] * 1000}, "metres"),
        ({"v_template": arrays["v_template"] * np.nan}, "finite"),
        ({"f": arrays["f"] + 100}, "triangles"),
        ({"kintree_table": arrays["kintree_table"][:, ::-1]}, "joints"),
        ({"J_regressor": arrays["J_regressor"].T}, "J_regressor"),
        ({"posedirs": arrays["posedirs"][..., :9]}, "posedirs"),
        ({"v_template": np.array([{}], object)}, "not a MANO file"),
    ):
        np.savez(path, **{name: values for name, values in (arrays | broken).items() if values is not None})
        with pytest.raises(ManoError, match=said):
            read_mano(tmp_path)
    path.unlink()
    for content in (b"", b"not a pickle", pickle.dumps([1, 2])):
        (tmp_path / "MANO_RIGHT.pkl").write_bytes(content)
        with pytest.raises(ManoError, match="not a MANO file"):
            read_mano(tmp_path)
