"""The control stage: motion to the posed rig, frame by frame."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from visavis.control.arms import NO_ARMS, ArmPoser, Carrier
from visavis.control.folds import FOLD_NAMES, folds_in
from visavis.control.frames import HeadFrames
from visavis.control.poser import Pose, Poser
from visavis.control.retarget import retarget_face
from visavis.control.torso import TorsoPose, Turn, follow, leaning, torso_at
from visavis.motion.layout import (
    ARKIT_INDEX,
    BODY,
    BODY_JOINTS,
    FACE,
    FACE_OFFSET,
    HEAD_POSITION,
    HEAD_ROTATION,
    LEFT_HAND,
    MOTION_DIM,
    RIGHT_HAND,
    check_motion,
    head_euler_from_rotation,
    head_rotation_from_euler,
    rotation_from_6d,
)
from visavis.timing import frame_to_ns
from visavis.types import VERTEX_DEPTH_M, VERTEX_SUBPIXEL, ControlFrame, MotionChunk
from visavis.types_portrait import PortraitRig

SHADING_NAMES: tuple[str, ...] = (
    *("lid_right", "lid_left", "mouth_gap", "mouth_light", "arm_right", "arm_left", "broad_smile"),
    *(f"fold_{name}" for name in FOLD_NAMES),
)
"""Numbers of ``ControlFrame.shading``: closure of the lids (0 as in the photo, 1 shut), widest gap between the inner lips in eye distances,
light that falls between the lips, 0..1, how much the posed arm takes the place of the photo's own, 0..1, how broadly the mouth smiles,
0..1, how much of each fold of the skin is seen, 0..1."""

KEYPOINT_NAMES: tuple[str, ...] = (
    *(f"jaw_{i}" for i in range(17)),
    *(f"right_brow_{i}" for i in range(5)),
    *(f"left_brow_{i}" for i in range(5)),
    *(f"nose_{i}" for i in range(9)),
    *(f"right_eye_{i}" for i in range(6)),
    *(f"left_eye_{i}" for i in range(6)),
    *(f"outer_lip_{i}" for i in range(12)),
    *(f"inner_lip_{i}" for i in range(8)),
    "right_shoulder",
    "left_shoulder",
    "head_pivot",
)
"""Rows of ``ControlFrame.keypoints``: the 68 usual face points (the person's own right first), the shoulders, the pivot of the head."""

NOD_SHARE = 0.7
"""Nods and tilts go so far for what turns to a side go: beyond 14 degrees the neck, which is seen from the front only, gets too long."""

_SPINE, _NECK = (slice(BODY.start + 6 * i, BODY.start + 6 * i + 6) for i in (BODY_JOINTS.index("spine"), BODY_JOINTS.index("neck")))

_IS_LIMB = np.zeros(MOTION_DIM, bool)
_IS_LIMB[[*range(BODY.start + 6 * BODY_JOINTS.index("left_upper_arm"), BODY.stop), *np.r_[LEFT_HAND, RIGHT_HAND]]] = True

_VERTEX_UNITS = np.array([1 / VERTEX_SUBPIXEL, 1 / VERTEX_SUBPIXEL, VERTEX_DEPTH_M], np.float32)
_ROUNDING = [ARKIT_INDEX["mouthPucker"], ARKIT_INDEX["mouthFunnel"]]


@dataclass(frozen=True)
class ControlConfig:
    """head_limit: degrees, turns of the head to a side bend softly into this, nods and tilts into ``NOD_SHARE`` of it. shift_limit: metres.
    breath, sway: amplitudes, 0 holds still. breaths_per_minute: how often. crossfade: frames over which a break in the motion is bridged;
    limb_crossfade: those for arms and hands, which have further to go. arms: whether arms and hands are posed at all."""

    head_limit: float = 20.0
    shift_limit: float = 0.03
    spine_limit: float = 1.5
    breath: float = 1.0
    sway: float = 1.0
    breaths_per_minute: float = 14.0
    crossfade: int = 6
    limb_crossfade: int = 20
    arms: bool = True

    def __post_init__(self) -> None:
        for name, low, high in (
            ("head_limit", 0.0, 30.0),
            ("shift_limit", 0.0, 0.06),
            ("spine_limit", 0.0, 3.0),
            ("breath", 0.0, 2.0),
            ("sway", 0.0, 2.0),
            ("breaths_per_minute", 1.0, 60.0),
            ("crossfade", 0, 60),
            ("limb_crossfade", 0, 60),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"{name} must be within {low} and {high}, got {value}")


@dataclass(frozen=True)
class ControlState:
    """frame: how many frames were shown, the phase of breath and sway. utterance_id, next_frame: what continues without a break.
    shown: the motion last shown. fade_from, fade_step: the motion a cross-fade comes from and how far it has got."""

    frame: int = 0
    utterance_id: int | None = None
    next_frame: int = 0
    shown: NDArray[np.float32] | None = field(default=None, compare=False)
    fade_from: NDArray[np.float32] | None = field(default=None, compare=False)
    fade_step: int = 0
    lean: Turn = (0.0, 0.0)


class ControlStage:
    """Poses a portrait. ``step`` is pure: the same chunk and state give the same frames, bit for bit."""

    def __init__(self, portrait: PortraitRig, config: ControlConfig | None = None) -> None:
        self.config = config or ControlConfig()
        self._rig = portrait
        self._poser = Poser(portrait)
        self.frames = HeadFrames(portrait)
        self._arm_poser = ArmPoser(portrait.arms, portrait.focal, portrait.principal)
        if (*portrait.keypoint_names, "head_pivot") != KEYPOINT_NAMES:
            raise ValueError(
                "the cached portrait was made by another version of visavis: delete it from the cache so that it is fitted again"
            )

    @property
    def latency_samples(self) -> int:
        return 0

    def initial_state(self) -> ControlState:
        return ControlState()

    def step(self, input: MotionChunk, state: ControlState, /) -> tuple[list[ControlFrame], ControlState]:
        """All frames of a chunk. Raises ValueError for motion of a wrong shape or with values that are not finite."""
        motion = check_motion(input.values)
        continues = input.utterance_id == state.utterance_id and input.first_frame == state.next_frame and not input.flush
        if not continues and state.shown is not None:
            state = replace(state, fade_from=state.shown, fade_step=0)
        state = replace(state, utterance_id=input.utterance_id, next_frame=input.next_frame)
        frames = []
        for i, wanted in enumerate(motion):
            wanted, state = self._fade(wanted, state)
            head = head_of(wanted, self.config)
            yaw, _, roll = head_euler_from_rotation(head)
            state = replace(state, lean=follow(state.lean, (float(yaw), float(roll))))
            vertices, shading, keypoints, arms = self._pose(
                wanted, head, leaning(torso_at(state.frame, self.config.breaths_per_minute), state.lean)
            )
            last = i == len(motion) - 1
            frames.append(
                ControlFrame(
                    input.utterance_id,
                    input.first_frame + i,
                    vertices,
                    shading,
                    keypoints,
                    stamp_ns=input.stamp_ns + frame_to_ns(input.first_frame + i) - frame_to_ns(input.first_frame),
                    end_of_utterance=input.end_of_utterance and last,
                    flush=input.flush and i == 0,
                    arms=arms,
                )
            )
            state = replace(state, frame=state.frame + 1, shown=wanted)
        return frames, state

    def _fade(self, wanted: NDArray[np.float32], state: ControlState) -> tuple[NDArray[np.float32], ControlState]:
        if state.fade_from is None:
            return wanted, state
        step = state.fade_step + 1
        lengths = np.where(_IS_LIMB, self.config.limb_crossfade, self.config.crossfade)
        if step > lengths.max():
            return wanted, replace(state, fade_from=None, fade_step=0)
        share = np.minimum(step / (lengths + 1), 1).astype(np.float32)
        eased = np.where(step > lengths, np.float32(1), share * share * (3 - 2 * share))
        blend = np.where(eased < 1, state.fade_from + eased * (wanted - state.fade_from), wanted)
        return blend, replace(state, fade_step=step)

    def _pose(
        self, motion: NDArray[np.float32], head: NDArray[np.float32], at: TorsoPose
    ) -> tuple[NDArray[np.int16], NDArray[np.float32], NDArray[np.float32], NDArray[np.int16]]:
        config, rig = self.config, self._rig
        face = retarget_face(motion[FACE], rig.photo_expression, rig.rest_expression)
        shift = motion[HEAD_POSITION]
        length = float(np.linalg.norm(shift))
        shift = (
            shift * np.float32(np.tanh(length / config.shift_limit) * config.shift_limit / length)
            if length > 1e-9 and config.shift_limit > 0
            else shift * 0
        )
        torso = TorsoPose(at.breath * config.breath, at.roll * config.sway, at.yaw * config.sway, at.shift * config.sway)
        spine = soft_limit(rotation_from_6d(motion[_SPINE]), config.spine_limit)
        vertices, gap = self._poser.pose(Pose(face, motion[FACE_OFFSET], head, shift.astype(np.float32), torso, spine))
        arms, shown = NO_ARMS, (0.0, 0.0)
        if config.arms:
            sway = spine @ head_rotation_from_euler(torso.yaw, 0.0, torso.roll)
            arms, shown = self._arm_poser.pose(motion, Carrier(sway, rig.hip_pivot, torso.shift, torso.breath))
        shading = np.array(
            [
                *face.closure,
                gap,
                mouth_light(gap, motion, face.bite, face.tongue[0]),
                *shown,
                sum(face.broad) / 2,
                *folds_in(motion[FACE], face.broad),
            ],
            np.float32,
        )
        corners = vertices[rig.keypoint_vertices].astype(np.float32) * _VERTEX_UNITS
        keypoints = (corners * rig.keypoint_weights[..., None]).sum(1)
        pivot = rig.head_pivot
        pivot_pixel = [pivot[0] / pivot[2] * rig.focal + rig.principal[0], pivot[1] / pivot[2] * rig.focal + rig.principal[1], pivot[2]]
        return vertices, shading, np.concatenate([keypoints, np.array([pivot_pixel], np.float32)]), arms


def head_of(motion: NDArray[np.float32], config: ControlConfig) -> NDArray[np.float32]:
    """How the head is turned, within its limits, in a frame of motion (MOTION_DIM,): (3, 3)."""
    return soft_limit(rotation_from_6d(motion[_NECK]) @ rotation_from_6d(motion[HEAD_ROTATION]), config.head_limit, NOD_SHARE)


def mouth_light(gap: float, motion: NDArray[np.float32], bite: float, tip: float = 0.0) -> float:
    """How much light reaches teeth and tongue, 0..1: little through a small opening (gap in eye distances), less between rounded lips,
    which stand out, and hardly any through a small round opening; all of it reaches teeth that the lower lip touches, and much a tongue
    that is at the teeth."""
    slit, wide = min(gap / 0.12, 1.0), min(gap / 0.20, 1.0)
    rounded = min(float(motion[FACE][_ROUNDING].sum()), 1.0)
    light = (1.0 - 0.82 * (1.0 - slit) ** 1.3) * (1.0 - (0.9 - 0.4 * wide) * rounded)
    return max(light, 0.88 * bite, 0.6 * tip)


def soft_limit(rotation: NDArray[np.float32], limit: float, share: float = 1.0) -> NDArray[np.float32]:
    """The same turn with an angle that bends into ``limit`` degrees, or into ``share`` of it about other axes than the upright one:
    untouched up to 80 % of that, never beyond it."""
    angle = float(np.degrees(np.arccos(np.clip((float(np.trace(rotation)) - 1) / 2, -1, 1))))
    if angle <= 0.8 * limit * share:
        return rotation
    if limit <= 0 or angle > 175.0:
        return np.eye(3, dtype=np.float32)
    axis = np.array([rotation[2, 1] - rotation[1, 2], rotation[0, 2] - rotation[2, 0], rotation[1, 0] - rotation[0, 1]], np.float64)
    axis /= np.linalg.norm(axis)
    limit /= float(np.hypot(axis[1], np.hypot(axis[0], axis[2]) / share))
    free = 0.8 * limit
    if angle <= free:
        return rotation
    bent = free + (limit - free) * np.tanh((angle - free) / (limit - free))
    a = np.radians(bent)
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    return (np.eye(3) + np.sin(a) * cross + (1 - np.cos(a)) * cross @ cross).astype(np.float32)
