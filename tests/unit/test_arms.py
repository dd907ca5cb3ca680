"""Arms and hands on real photos: hands close and point as MANO poses say, an independent tracker sees hands, the photo's own arms make
room, and nothing else changes. Needs `visavis assets fetch`."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import cv2
import mediapipe
import numpy as np
import pytest
from numpy.typing import NDArray

from visavis.control.arms import ArmPoser
from visavis.control.pose import ControlConfig, ControlStage
from visavis.data.gesture_kinds import CODE, KIND_INDEX, KINDS, REST, Aim
from visavis.evaluation import poses
from visavis.motion.hands import to_mano
from visavis.motion.layout import LEFT_HAND, RIGHT_HAND, neutral_motion
from visavis.motion.skeleton import joints_of
from visavis.portrait.arm_asset import ARM_PATH, BONES, TINTS, load_arm_asset
from visavis.portrait.arms import skin_colours
from visavis.portrait.cache import load_portrait
from visavis.portrait.hand_detail import hand_detail
from visavis.portrait_build.arm_refine import refined
from visavis.store import asset_path
from visavis.types import ControlFrame, MotionChunk
from visavis.types_portrait import ARM_FROM_BELOW, ARM_LEFT_ALONE, ARM_REPLACED, GRAIN_ONE, PICTURE_HEIGHT, UPPER_BONE, PortraitRig
from visavis.video.renderer import ARM_LEFT, ARM_RIGHT, VideoConfig, VideoStage
from visavis.video.sleeve_folds import SleeveFolds

STILL = ControlConfig(breath=0, sway=0, crossfade=0, limb_crossfade=0)
CONFIDENT = 0.7
FRAMES = 45

CHEST = Aim((-0.09, 0.20, 0.27), (0, 0, 0), "open", -20.0, bend=5.0, lift=-8.0)
GREETING = Aim((0.12, -0.05, 0.22), (0, 0, 0), "open", -60.0, bend=-10.0, lift=-6.0)
FIST = Aim((0.040, 0.125, 0.250), (0.005, 0.050, 0.050), "one", -12.0, 9.0, bend=-10.0, lift=-5.0, deviate=6.0)
RAISED = {name: (KINDS[KIND_INDEX[name]].right, KINDS[KIND_INDEX[name]].left) for name in ("palm_both", "beat_both", "waist")} | {
    "hand before the chest": (CHEST, None),
    "greeting": (GREETING, None),
}


def motion_of(right: Aim | None, left: Aim | None, share: float = 1.0, shape: str = "") -> NDArray[np.float32]:
    """One frame (MOTION_DIM,) in which arms have gone ``share`` of the way from rest to a gesture."""
    motion = neutral_motion(1)[0]
    rest = REST.at(0.5, 1.0, np.zeros(CODE))
    for side, aim in (("right", right), ("left", left)):
        values = rest + share * ((aim or REST).at(0.5, 1.0, np.zeros(CODE)) - rest)
        poses.put_arm(motion, side, values)
    return motion


def posed(portrait: PortraitRig, *motions: NDArray[np.float32], config: ControlConfig = STILL) -> list[ControlFrame]:
    stage = ControlStage(portrait, config)
    return stage.step(MotionChunk(1, 0, np.stack(motions)), stage.initial_state())[0]


def picture(portrait: PortraitRig, motion: NDArray[np.float32], config: ControlConfig = STILL) -> NDArray[np.uint8]:
    stage = VideoStage(portrait)
    return stage.step(posed(portrait, motion, config=config)[0], stage.initial_state())[0].image


def bones_of(portrait: PortraitRig, frame: ControlFrame, side: int) -> dict[str, NDArray[np.float64]]:
    """Where the skin around each bone is, camera space: the mean of the vertices that follow it most."""
    arms = portrait.arms
    count = arms.points.shape[1]
    vertices = frame.arms[side * count : (side + 1) * count].astype(np.float64)
    depth = vertices[:, 2] * 1e-4
    places = np.c_[(vertices[:, :2] / 32 - portrait.principal) / portrait.focal * depth[:, None], depth]
    asset = len(load_arm_asset().points)
    sure = arms.weights[:asset, 0] > 0.6
    return {name: places[:asset][sure & (arms.bones[:asset, 0] == bone)].mean(0) for bone, name in enumerate(BONES)}


@pytest.fixture(scope="module")
def held_out() -> PortraitRig:
    return load_portrait(asset_path("openpeople") / "P009" / "assets" / "studio_posture.jpg")


@pytest.fixture(scope="module")
def tracker() -> Iterator[mediapipe.tasks.vision.HandLandmarker]:
    vision = mediapipe.tasks.vision
    options = vision.HandLandmarkerOptions(
        base_options=mediapipe.tasks.BaseOptions(model_asset_path=str(asset_path("hand_landmarker.task"))), num_hands=2
    )
    with vision.HandLandmarker.create_from_options(options) as landmarker:
        yield landmarker


@pytest.mark.parametrize("side", [0, 1])
def test_a_fist_closes_and_a_pointing_finger_points(portrait: PortraitRig, side: int) -> None:
    flat, fist, pointing = (motion_of(GREETING, GREETING) for _ in range(3))
    hand, name = (RIGHT_HAND, "right") if side == 0 else (LEFT_HAND, "left")
    values = np.zeros(16)
    flat[hand] = to_mano(values, name)
    values[[0, 1, 3, 4, 6, 7, 9, 10]] = np.radians(85)  # knuckles and middle joints of index, middle, pinky, ring
    fist[hand] = to_mano(values, name)
    values[[0, 1]] = 0
    pointing[hand] = to_mano(values, name)
    reach = {}
    for pose, frame in zip(("flat", "fist", "pointing"), posed(portrait, flat, fist, pointing), strict=True):
        bones = bones_of(portrait, frame, side)
        reach[pose] = {finger: np.linalg.norm(bones[f"{finger}_2"] - bones["hand"]) for finger in ("index", "middle", "pinky", "ring")}
    for finger, length in reach["flat"].items():
        assert reach["fist"][finger] < 0.66 * length, finger
        assert (reach["pointing"][finger] > 0.97 * length) == (finger == "index"), finger


@pytest.mark.parametrize("name", ["palm_both", "beat_both", "greeting"])
def test_the_hand_points_where_the_motion_says(portrait: PortraitRig, name: str) -> None:
    """Against the bones that the motion model learnt with: the angle between forearm and fingers, and the way the thumb lies."""
    right, left = RAISED[name]
    motion = motion_of(right, left or right)
    joints = joints_of(motion[None])
    for side, row in (("right", 0), ("left", 1)):
        bones = bones_of(portrait, posed(portrait, motion)[0], row)
        forearm, fingers = bones["fore_3"] - bones["fore_1"], bones["middle_2"] - bones["hand"]
        thumb = bones["thumb_2"] - bones["hand"]
        wanted_forearm = joints[f"{side}_wrist"][0] - joints[f"{side}_elbow"][0]
        hand = joints[f"{side}_hand"][0]
        wanted_fingers, wanted_thumb = hand[1, 3] - joints[f"{side}_wrist"][0], hand[4, 2] - joints[f"{side}_wrist"][0]
        for seen, wanted, most in (
            (angle(forearm, fingers), angle(wanted_forearm, wanted_fingers), 15),
            (angle(fingers, thumb), angle(wanted_fingers, wanted_thumb), 25),  # the middle of the palm stands for the wrist
        ):
            assert abs(seen - wanted) < most, f"degrees, {side}"
        # mirror images would have the same angles
        assert np.sign(np.cross(fingers, thumb) @ np.cross(wanted_fingers, wanted_thumb)) == 1


def angle(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    return float(np.degrees(np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b))))


@pytest.mark.parametrize("who", ["portrait", "held_out"])
def test_an_independent_tracker_sees_the_hands(
    who: str, request: pytest.FixtureRequest, tracker: mediapipe.tasks.vision.HandLandmarker
) -> None:
    """Each gesture in ten places and turns near its own: a single picture is luck, by as much as a tenth."""
    rig = request.getfixturevalue(who)
    for name, aims in RAISED.items():
        if who == "held_out" and name in ("waist", "palm_both"):
            continue  # the lower edge of this photo cuts these hands
        scores = []
        for aside, down in ((0, 0), (-0.03, 0), (0.03, 0), (0, -0.03), (0, 0.03)):
            for twist in (-8, 8):
                near = [aim and moved(aim, aside, down, twist) for aim in aims]
                found = tracker.detect(mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=picture(rig, motion_of(*near))))
                scores.append(max((hand[0].score for hand in found.handedness), default=0.0))
        assert np.mean(scores) >= CONFIDENT and min(scores) > 0, f"{name}: {np.round(scores, 2)}"


def moved(aim: Aim, aside: float, down: float, twist: float) -> Aim:
    out, below, forward = aim.place
    return replace(aim, place=(out + aside, below + down, forward), twist=aim.twist + twist)


def test_a_posed_arm_has_the_skin_of_the_photos_own(portrait: PortraitRig) -> None:
    """Laid where the photo's own arms hang, it has their tone and light, and their creases and grain in the same places."""
    photo, laid = (drawn_at_rest(portrait, shown).astype(np.float64) for shown in (False, True))
    assert np.abs(photo - laid).max() > 30, "the posed arms are drawn"
    for name in ("right", "left"):
        middle = {"right": 113, "left": 397}[name]
        upper = np.s_[430:570, middle - 14 : middle + 15]
        own, new = photo[upper], laid[upper]
        assert np.abs(own - new).mean() < 9, "levels"
        for ratio in ((0, 1), (1, 2)):
            hue, wanted = (float(np.median(each[..., ratio[0]] / each[..., ratio[1]])) for each in (new, own))
            assert abs(hue / wanted - 1) < 0.03, f"{name}: neither redder nor yellower"
        fine = [each.mean(-1) - cv2.GaussianBlur(each.mean(-1), (0, 0), 4) for each in (own, new)]
        alike = np.corrcoef(*(each[10:-10, 6:-6].ravel() for each in fine))[0, 1]
        assert alike > 0.5, f"{name}: creases where the photo has them, correlation {alike:.2f}"
        assert 0.5 < fine[1].std() / fine[0].std() < 1.5, "as rough as the photo"


def drawn_at_rest(portrait: PortraitRig, shown: bool) -> NDArray[np.uint8]:
    """Arms at rest: the photo's own, or the posed ones in their place."""
    with pytest.MonkeyPatch.context() as patch:
        if shown:
            patch.setattr(ArmPoser, "_shown", lambda *_: 1.0)
        return picture(portrait, motion_of(None, None))


def test_skin_goes_on_around_the_arm_and_onto_the_hand(portrait: PortraitRig) -> None:
    """The texture has no seam, and no part of it is empty or much rougher than the others."""
    arms = portrait.arms
    for skin in arms.skin.values():
        factor = skin[..., :3].astype(np.float64) / GRAIN_ONE
        assert factor.mean((0, 1)) == pytest.approx([1, 1, 1], abs=0.02)
        across = np.abs(np.diff(factor, axis=1)).mean((0, 2))
        seam = np.abs(factor[:, 0] - factor[:, -1]).mean()
        assert seam < 1.5 * np.median(across)
        used = int(arms.grain_at[: len(load_arm_asset().points), 1].max()) // 16
        # The shadow of the sleeve goes across all of it.
        rough = np.array([part.std() for part in np.array_split(factor[:used] - factor[:used].mean(1, keepdims=True), 6)])
        assert rough.min() > 0.004 and rough.max() < 0.08
    assert not np.array_equal(arms.skin["right"], arms.skin["left"])


def test_fingers_and_palm_of_a_fist_stand_in_their_own_light(portrait: PortraitRig) -> None:
    """It is darker between fingers and under them; an arm that nothing of it lies before keeps its light, and none gets more."""
    arms = portrait.arms
    no_balls = replace(arms.balls, radii=np.zeros_like(arms.balls.radii))
    unshaded = replace(portrait, arms=replace(arms, balls=no_balls))
    fist = motion_of(FIST, None)
    shaded, even = (picture(each, fist).astype(np.float64).mean(-1) for each in (portrait, unshaded))
    hand = picture_box(portrait, posed(portrait, fist)[0], 0, load_arm_asset().hand > 0.9)
    change = shaded - even
    assert change.max() <= 1.0
    assert (change[hand] < -0.15 * even[hand]).mean() > 0.1
    greeting = motion_of(GREETING, None)
    shaded, even = (picture(each, greeting).astype(np.float64).mean(-1) for each in (portrait, unshaded))
    fore = load_arm_asset().along
    bare = picture_box(portrait, posed(portrait, greeting)[0], 0, (fore > 1.3) & (fore < 1.7))
    assert np.abs(shaded[bare] / even[bare] - 1).mean() < 0.02


def picture_box(portrait: PortraitRig, frame: ControlFrame, side: int, chosen: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Rows and columns around these vertices of an arm."""
    count = portrait.arms.points.shape[1]
    seen = frame.arms[side * count : side * count + len(chosen)][chosen, :2] // 32
    (left, top), (right, bottom) = seen.min(0), seen.max(0)
    return np.s_[top:bottom, left:right]


def test_a_raised_palm_has_creases_across_its_fingers(portrait: PortraitRig) -> None:
    """Along the middle finger of a hand that is shown there is a dark line at its root and at either joint."""
    frame = posed(portrait, motion_of(GREETING, None))[0]
    grey = picture(portrait, motion_of(GREETING, None)).astype(np.float64).mean(-1)
    places = bones_of(portrait, frame, 0)
    root, tip = (places[f"middle_{bone}"][:2] / places[f"middle_{bone}"][2] * portrait.focal + portrait.principal for bone in (0, 2))
    along = root + np.linspace(-0.2, 1, 120)[:, None] * (tip - root)
    across = np.array([1.0, 0.0])
    strip = [cv2.remap(grey, *(along + off * across).astype(np.float32).T[..., None], cv2.INTER_LINEAR)[:, 0] for off in (-2, 0, 2)]
    seen = np.mean(strip, 0)
    dip = seen / cv2.GaussianBlur(seen[None], (0, 0), 10)[0] - 1
    creases = [i for i in range(2, 118) if dip[i] < -0.03 and dip[i] == dip[max(i - 6, 0) : i + 7].min()]
    assert len(creases) >= 3, dip.round(2)


def test_lines_lie_on_the_hand_alone_however_large_it_is() -> None:
    asset = load_arm_asset()
    detail = hand_detail(asset, (2048, 512), 1600.0, 0.5)
    wrist = round(float(asset.heads[BONES.index("hand"), 1] - asset.points[:, 1].min()) * 1600)
    np.testing.assert_array_equal(detail[: wrist - 130], 1)
    assert detail[wrist:, 256:].min() < 0.85 and detail[wrist:, :256].min() < 0.85, "palm and back"
    assert np.isfinite(hand_detail(asset, (1024, 512), 4000.0, 0.5)).all(), "a hand that is larger than its texture"


def test_palms_are_paler_than_backs_and_most_so_in_dark_skin() -> None:
    asset = load_arm_asset()
    plain = asset.tint[:, [TINTS.index("nail"), TINTS.index("blood"), TINTS.index("shade")]].max(1) < 0.05
    share = asset.tint[:, TINTS.index("palm")]
    palm, back = plain & (share > 0.95), plain & (share < 0.05) & (asset.hand > 0.95)
    paler = []
    for tone in ([224.0, 178.0, 150.0], [178.0, 126.0, 92.0], [104.0, 68.0, 48.0]):
        colours = skin_colours(asset, np.array(tone), np.array(tone))[:, :3]
        inside, outside = colours[palm].mean(0), colours[back].mean(0)
        assert inside[2] / inside[0] > outside[2] / outside[0], "less yellow"
        paler.append(inside.mean() / outside.mean())
    assert 1.02 < paler[0] < paler[1] < paler[2]


def test_a_raised_forearm_is_as_grainy_as_the_photo(portrait: PortraitRig) -> None:
    """Below the scale of folds, where smooth skin looks like wax."""
    frame = posed(portrait, motion_of(GREETING, None))[0]
    image = picture(portrait, motion_of(GREETING, None))
    fore = bones_of(portrait, frame, 0)["fore_1"]
    x, y = (fore[:2] / fore[2] * portrait.focal + portrait.principal).astype(int)
    raised, own = grain_of(image[y - 20 : y + 20, x - 8 : x + 9]), grain_of(image[430:570, 385:410])
    assert 0.7 < raised / own < 1.4


def grain_of(image: NDArray[np.uint8]) -> float:
    grey = image.astype(np.float64).mean(-1)
    smooth = cv2.GaussianBlur(grey, (0, 0), 1.0)
    return float(np.median(np.abs(grey / smooth - 1)[3:-3, 3:-3]))


def test_an_elbow_that_is_raised_to_its_sleeve_is_whole() -> None:
    """A short sleeve does not lie over it."""
    rig = load_portrait(asset_path("openpeople") / "P005" / "assets" / "studio_posture.jpg")
    motion = poses.motion_of(poses.POSES["hand before the face"])
    image = picture(rig, motion).astype(int)
    asset = load_arm_asset()
    elbow = posed(rig, motion)[0].arms[: len(asset.points)][(asset.along > 0.85) & (asset.along < 1.2), :2] / 32
    inside = cv2.fillConvexPoly(np.zeros(image.shape[:2], np.uint8), cv2.convexHull(elbow.astype(np.int32)), 1)
    inside = cv2.erode(inside, np.ones((7, 7), np.uint8)) > 0
    assert inside.sum() > 2000
    assert (image[..., 0] - image[..., 2])[inside].min() > 12, "skin, neither shirt nor wall"


def test_a_bent_elbow_has_a_tip(portrait: PortraitRig) -> None:
    """It stands out where the forearm is raised, and nothing moves where the arm hangs."""
    poser = ArmPoser(portrait.arms, portrait.focal, portrait.principal)
    straight, bent = (poser._corrected(1, np.broadcast_to(np.eye(3), (15, 3, 3)), bend) for bend in (0.0, 2.2))
    np.testing.assert_array_equal(straight, portrait.arms.points[1])
    moved = np.linalg.norm(bent - straight, axis=1)
    assert moved.max() > 0.015
    far = np.linalg.norm(straight - portrait.arms.heads[1], axis=1) > 0.09
    assert moved[far].max() < 0.002


def test_at_rest_the_photo_shows_its_own_arms(portrait: PortraitRig) -> None:
    rest = motion_of(None, None)
    assert len(posed(portrait, rest)[0].arms) == 0
    np.testing.assert_array_equal(picture(portrait, rest), picture(portrait, rest, ControlConfig(breath=0, sway=0, arms=False)))


def test_arms_change_nothing_far_from_them_and_leave_the_background_behind(portrait: PortraitRig) -> None:
    assert portrait.arms.kinds.tolist() == [ARM_REPLACED] * 2
    motion = motion_of(CHEST, None)
    gesturing, still = picture(portrait, motion), picture(portrait, motion, ControlConfig(breath=0, sway=0, crossfade=0, arms=False))
    np.testing.assert_array_equal(gesturing[:290], still[:290])  # head and neck
    np.testing.assert_array_equal(gesturing[:, 400:], still[:, 400:])  # the other arm
    hung = np.s_[640:740, 90:115]  # the forearm in the photo
    assert (np.abs(still[hung].astype(int) - portrait.plate[hung]).max(-1) > 20).mean() > 0.95
    np.testing.assert_array_equal(gesturing[hung], portrait.plate[hung])


def test_the_inside_of_a_sleeve_goes_with_the_arm_that_is_lifted_out(portrait: PortraitRig) -> None:
    """What stays of this photo's white sleeve over a raised arm has no dark in it."""
    for sleeve in portrait.arms.sleeve.values():
        kept = sleeve[..., 3] > 128
        assert kept.sum() > 10_000
        assert (kept & (sleeve[..., :3].mean(-1) < 90)).sum() < 60


def test_arms_come_and_go_without_a_jump(portrait: PortraitRig) -> None:
    """Slowly from rest to a gesture: no picture differs from the one before by much more than the others do. Chunks do not matter."""
    ways = np.linspace(0.0, 0.22, FRAMES)
    motions = [motion_of(GREETING, KINDS[KIND_INDEX["beat_both"]].left, share) for share in ways]
    frames = posed(portrait, *motions)
    stage = ControlStage(portrait, STILL)
    state, chunked = stage.initial_state(), []
    for begin in range(0, FRAMES, 10):
        some, state = stage.step(MotionChunk(1, begin, np.stack(motions[begin : begin + 10])), state)
        chunked += some
    for one, other in zip(frames, chunked, strict=True):
        np.testing.assert_array_equal(one.arms, other.arms)
    video = VideoStage(portrait)
    pictures = [video.draw(frame.vertices, frame.shading, frame.arms).astype(np.int16) for frame in frames]
    np.testing.assert_array_equal(pictures[-1], video.draw(frames[-1].vertices, frames[-1].shading, frames[-1].arms))
    steps = np.array([np.abs(b - a).mean() for a, b in pairwise(pictures)])
    moving = steps[steps > 0]
    assert len(moving) > 10 and moving.max() < 3.5 * np.median(moving), steps.round(2)


def test_one_arm_gives_way_to_the_other_where_it_hangs(portrait: PortraitRig) -> None:
    """While both are drawn, the posed arm lies where the photo's own does, and goes off from there without a jump."""
    frames = posed(portrait, *(motion_of(GREETING, KINDS[KIND_INDEX["palm_both"]].left, share) for share in np.linspace(0, 0.4, 121)))
    count = portrait.arms.points.shape[1]
    for side, number in ((0, ARM_RIGHT), (1, ARM_LEFT)):
        shown = [frame for frame in frames if frame.shading[number] > 0]
        places = np.stack([frame.arms[side * count : (side + 1) * count, :2] for frame in shown]) / 32
        both = [frame.shading[number] < 0.95 for frame in shown]
        assert sum(both) > 3 and not all(both)
        assert np.linalg.norm(places[both] - places[0], axis=-1).max() < 8, "pixels"
        steps = np.linalg.norm(np.diff(places, axis=0), axis=-1).max(1)
        assert steps.max() < 8, "a third of a frame's worth of a quick gesture"


def test_arms_without_background_laid_over_it_are_the_opaque_picture(portrait: PortraitRig) -> None:
    """Half-transparent ends of the arms and the shadow of the hands too, which fall on the body only."""
    opaque, matte = VideoStage(portrait), VideoStage(portrait, VideoConfig(matte=True))
    for share in (0.12, 0.3, 0.7, 1.0):
        frame = posed(portrait, motion_of(GREETING, KINDS[KIND_INDEX["palm_both"]].left, share))[0]
        args = frame.vertices, frame.shading, frame.arms
        assert len(frame.arms)
        difference = np.abs(matte.over_plate(matte.draw(*args)).astype(int) - opaque.draw(*args))
        assert difference.max() <= 8, f"{share}: {difference.max()} levels"


@pytest.mark.parametrize("photo", ["P004/assets/amateur_selfie.jpg", "P004/assets/amateur_posture.jpg", "P002/assets/amateur_selfie.jpg"])
def test_arms_that_do_something_else_in_the_photo_are_left_alone(photo: str) -> None:
    """A hand at the chin, one that holds a telephone, and an arm that holds the camera in its sleeve."""
    busy = load_portrait(asset_path("openpeople") / photo)
    assert busy.arms.kinds.tolist() == [ARM_LEFT_ALONE] * 2
    assert len(posed(busy, motion_of(GREETING, GREETING))[0].arms) == 0


def test_a_raised_arm_is_about_as_bright_as_one_that_hangs(portrait: PortraitRig) -> None:
    """Held before the chest it turns its outer side to the viewer, which the photo shows in the shade of the outline only."""
    hanging = picture(portrait, motion_of(None, None)).astype(np.float64)
    photo = np.median(hanging[470:620, 380:415].reshape(-1, 3), 0)
    beat = KINDS[KIND_INDEX["beat_right"]].right
    frame = posed(portrait, motion_of(beat, None))[0]
    image = picture(portrait, motion_of(beat, None)).astype(np.float64)
    along = load_arm_asset().along
    for share, part in ((0.7, (along > 1.3) & (along < 1.8)), (0.8, along > 1.99)):
        places = np.round(frame.arms[: len(along)][part][:, :2] / 32).astype(np.int32)
        inside = np.zeros(image.shape[:2], np.uint8)
        cv2.fillConvexPoly(inside, cv2.convexHull(places), 1)
        colours = image[inside > 0]
        skin = colours[np.ptp(colours, axis=1) > 25]
        assert np.median(skin, 0).mean() > share * photo.mean()


@pytest.fixture(scope="module")
def jacket() -> PortraitRig:
    """Arms in the long sleeves of a jacket hang beside it, with the hands in the pockets."""
    return load_portrait(asset_path("openpeople") / "P001" / "assets" / "amateur_posture.jpg")


def test_arms_in_long_sleeves_are_lifted_out_with_their_sleeves(jacket: PortraitRig) -> None:
    assert jacket.arms.kinds.tolist() == [ARM_REPLACED] * 2
    photo = picture(jacket, motion_of(None, None)).astype(np.float64)
    cloth = np.median(np.concatenate([photo[560:640, 65:100].reshape(-1, 3), photo[560:640, 415:445].reshape(-1, 3)]), 0)
    assert cloth[2] > 1.5 * cloth[0], "blue denim"
    motion = motion_of(*RAISED["waist"])
    image, frame = picture(jacket, motion).astype(np.float64), posed(jacket, motion)[0]
    along = load_arm_asset().along
    for side in (0, 1):
        count = jacket.arms.points.shape[1]
        places = frame.arms[side * count : side * count + len(along), :2] / 32
        for part, like in (((along > 1.2) & (along < 1.8), cloth), (along > 1.99, None)):
            x, y = np.round(np.median(places[part], 0)).astype(int)
            seen = np.median(image[y - 6 : y + 7, x - 6 : x + 7].reshape(-1, 3), 0)
            if like is None:
                assert seen[0] > 1.3 * seen[2], f"a bare hand: {seen}"
            else:
                assert np.abs(seen - like).max() < 40 and seen[2] > 1.3 * seen[0], f"{seen}, in the photo {like}"
    # Beside the jacket, where the arms hung, is the park.
    for x in (90, 405):
        was, now = photo[670:700, x - 8 : x + 8], image[670:700, x - 8 : x + 8]
        assert was[..., 2].mean() > was[..., 1].mean() + 10 and now[..., 1].mean() > now[..., 2].mean() + 10


def test_no_grass_between_arm_and_jacket_stays_on_the_jacket_alone(jacket: PortraitRig) -> None:
    """The photo shows slivers of it beside the elbows; lifted arms leave a jacket behind that has none within its outline."""
    stage = VideoStage(jacket, VideoConfig(matte=True))
    image = stage.step(posed(jacket, motion_of(*RAISED["palm_both"]))[0], stage.initial_state())[0].image.astype(int)[560:640, 95:400]
    photo = picture(jacket, motion_of(None, None)).astype(int)[560:640, 95:400]
    assert (photo[..., 1] > photo[..., 2] + 40).sum() > 100, "in the photo"
    assert ((image[..., 1] > image[..., 2] + 40) & (image[..., 3] > 240)).sum() < 5


def test_a_sleeve_has_folds_and_its_hand_has_none(jacket: PortraitRig) -> None:
    flat = replace(jacket.arms, folds=np.zeros_like(jacket.arms.folds))
    stages = VideoStage(jacket), VideoStage(replace(jacket, arms=flat))
    frame, along = posed(jacket, motion_of(*RAISED["waist"]))[0], load_arm_asset().along
    folded, plain = (cv2.blur(stage.draw(frame.vertices, frame.shading, frame.arms).astype(float).mean(-1), (3, 3)) for stage in stages)
    places = np.round(frame.arms[: len(along), :2] / 32).astype(int)
    elbow, hand = (places[part].T for part in ((along > 0.85) & (along < 1.25), along > 1.999))
    assert float((folded / np.maximum(plain, 1))[elbow[1], elbow[0]].std()) > 0.03
    assert np.abs(folded - plain)[hand[1], hand[0]].mean() < 0.5


def test_folds_of_a_sleeve_get_deeper_as_the_elbow_bends(jacket: PortraitRig) -> None:
    arms = jacket.arms
    folds, elbow = SleeveFolds(arms, 1), arms.heads[1]
    below = (arms.weights * (arms.bones != UPPER_BONE)).sum(1) > 0.5

    def depth(degrees: float) -> float:
        points, normals = arms.points[1].copy(), np.tile(np.float32([0, 0, -1]), (len(below), 1))
        free = np.ones(len(below), np.float32)
        turn = cv2.Rodrigues(np.array([-np.radians(degrees), 0, 0]))[0]
        points[below] = (points[below] - elbow) @ turn.T + elbow
        folds.lay(points, normals, free)
        return float((1 - free)[np.abs(arms.points[1][:, 1] - elbow[1]) < 0.05].mean())  # light that does not reach the valleys

    assert depth(0) > 0.01 and depth(30) > 1.1 * depth(0) and depth(60) > 1.1 * depth(30)


def test_the_outline_of_a_long_sleeve_has_no_step(jacket: PortraitRig) -> None:
    """Where the posed sleeve goes over into what stays of it on the shoulder."""
    stage = VideoStage(jacket, VideoConfig(matte=True))
    motion = motion_of(*RAISED["beat_both"])
    alpha = stage.step(posed(jacket, motion)[0], stage.initial_state())[0].image[..., 3] > 127
    for side in (slice(0, 256), slice(256, 512)):
        half = alpha[360:520, side] if side.start else alpha[360:520, side][:, ::-1]
        outline = np.array([np.flatnonzero(row)[-1] for row in half])
        assert np.abs(np.diff(outline)).max() <= 6, outline.tolist()


@pytest.mark.parametrize("name", ["P005/assets/amateur_posture.jpg", "P006/assets/amateur_posture.jpg", "P006/assets/amateur_selfie.jpg"])
def test_raised_hands_have_the_colour_of_the_persons_skin(name: str) -> None:
    """Outdoors and in light from the side: as bright, red and colourful as the photo's own arms, between these and the face. A beard, brows
    and eyes are no measure for skin."""
    rig = load_portrait(asset_path("openpeople") / name)
    face = np.mean(cheeks_of(rig), 0)
    own = [arm[..., :3][cv2.erode(arm[..., 3], np.ones((15, 15))) > 250] for arm in rig.arms.arm.values()]
    arms = lab(np.median(np.concatenate(own), 0)) if own[0].size else face
    if not own[0].size:  # she holds the camera; as if she did not
        rig = replace(rig, arms=replace(rig.arms, kinds=np.full(2, ARM_FROM_BELOW, np.int32)))
    for kind in ("palm_both", "beat_both") if own[0].size else ("palm_both",):
        motion = motion_of(*RAISED[kind])
        frame, image = posed(rig, motion)[0], picture(rig, motion)
        hand = lab(np.median(np.concatenate([drawn_hand(rig, frame, image, side) for side in (0, 1)]), 0))
        assert arms[0] - (4 if own[0].size else 12) < hand[0] < face[0], f"{kind}: brightness {hand}, arms {arms}, face {face}"
        redder = min(hue_of(arms), hue_of(face)) - hue_of(hand)
        assert redder < 6, f"{kind}: {hand} is redder than arms {arms} and face {face}"
        assert np.hypot(*hand[1:]) < 5 + max(np.hypot(*arms[1:]), np.hypot(*face[1:])), f"{kind}: not more colourful"
        assert np.hypot(*hand[1:]) > 0.75 * np.hypot(*arms[1:]), f"{kind}: not greyer"


def lab(colour: NDArray[np.floating]) -> NDArray[np.float32]:
    return cv2.cvtColor(np.asarray(colour, np.float32).reshape(1, 1, 3) / 255, cv2.COLOR_RGB2LAB)[0, 0]


def hue_of(colour: NDArray[np.floating]) -> float:
    """Degrees from red to yellow."""
    return float(np.degrees(np.arctan2(colour[2], colour[1])))


def cheeks_of(rig: PortraitRig) -> list[NDArray[np.float32]]:
    """CIELAB of both cheeks in the photo: half way between eye and corner of the mouth."""
    image = picture(rig, motion_of(None, None))
    points = np.einsum("kij,ki->kj", rig.vertices[rig.keypoint_vertices].astype(np.float64), rig.keypoint_weights)
    pixels = dict(zip(rig.keypoint_names, points[:, :2] / points[:, 2:] * rig.focal + rig.principal, strict=True))
    found = []
    for side, corner in (("right", 0), ("left", 6)):
        x, y = np.mean([pixels[f"{side}_eye_{i}"] for i in range(6)] + 6 * [pixels[f"outer_lip_{corner}"]], 0).astype(int)
        found.append(lab(np.median(image[y - 5 : y + 6, x - 5 : x + 6].reshape(-1, 3), 0)))
    return found


def drawn_hand(rig: PortraitRig, frame: ControlFrame, image: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Pixels (n, 3) within the outline of a hand."""
    asset, count = load_arm_asset(), rig.arms.points.shape[1]
    places = frame.arms[side * count : side * count + len(asset.points), :2] / 32
    inside = np.zeros(image.shape[:2], np.uint8)
    for triangle in places[asset.triangles[(asset.hand > 0.9)[asset.triangles].all(1)]]:
        cv2.fillConvexPoly(inside, np.round(triangle * 16).astype(np.int32), 1, shift=4)
    return image[cv2.erode(inside, np.ones((3, 3))) > 0]


@pytest.mark.parametrize("tone", [[224.0, 178.0, 150.0], [155.0, 113.0, 96.0], [104.0, 68.0, 48.0]])
def test_nails_are_a_little_lighter_and_pinker_than_the_skin_beside_them(tone: list[float]) -> None:
    asset = load_arm_asset()
    nail = asset.tint[:, TINTS.index("nail")]
    colours = skin_colours(asset, np.array(tone), np.array(tone))[:, :3]
    back = (asset.hand > 0.95) & (nail < 0.05) & (asset.tint[:, TINTS.index("palm")] < 0.05)
    on, beside = (lab(colours[part].mean(0)) for part in (nail > 0.95, back))
    assert 0 < on[0] - beside[0] < 4, "lighter"
    hue, skin_hue = (np.degrees(np.arctan2(each[2], each[1])) for each in (on, beside))
    assert -25 < hue - skin_hue < -3, "pinker"
    assert np.hypot(*on[1:]) < np.hypot(*beside[1:]) + 1, "no polish"


def test_a_hand_comes_from_below_whole_or_not_at_all() -> None:
    cut = load_portrait(asset_path("openpeople") / "P005" / "assets" / "amateur_selfie.jpg")
    assert cut.arms.kinds.tolist() == [ARM_FROM_BELOW] * 2
    hand = load_arm_asset().along > 1.99
    count = cut.arms.points.shape[1]
    shares = []
    for down in np.arange(-0.10, 0.50, 0.02):
        arms = posed(cut, motion_of(Aim((0.04, down, 0.22), (0, 0, 0), "open", -20.0), None))[0].arms
        points = arms[:count][: len(hand)][hand] / 32.0 if len(arms) else np.full((1, 3), np.inf)
        shares.append((points[:, 1] < PICTURE_HEIGHT).mean())
    assert shares[0] == 1 and shares[-1] == 0
    assert np.mean([0.05 < share < 0.95 for share in shares]) < 0.25, shares


def test_a_damaged_arm_says_what_to_do(tmp_path: Path) -> None:
    broken = tmp_path / "arm.npz"
    broken.write_bytes(ARM_PATH.read_bytes()[:5000])
    with pytest.raises(ValueError, match="visavis rig arms"):
        load_arm_asset(broken)


def test_arms_of_another_rig_are_refused(portrait: PortraitRig) -> None:
    frame = posed(portrait, motion_of(GREETING, None))[0]
    with pytest.raises(ValueError, match=r"arms must be .* rows or none"):
        VideoStage(portrait).draw(frame.vertices, frame.shading, frame.arms[:-1])


def test_a_finer_mesh_is_closed_where_the_coarse_one_was() -> None:
    """Every inner edge has two triangles, no triangle is turned over, and the surface stays where it was."""
    coarse = load_arm_asset()
    finer = refined(coarse)
    assert len(finer.triangles) > 1.5 * len(coarse.triangles)
    assert border(finer.triangles) == border(coarse.triangles)
    np.testing.assert_array_equal(finer.points[: len(coarse.points)], coarse.points)
    np.testing.assert_allclose(finer.weights.sum(1), 1, atol=1e-5)
    sizes = [enclosed(asset.points, asset.triangles) for asset in (coarse, finer)]
    assert sizes[1] / sizes[0] == pytest.approx(1, abs=0.01)


def border(triangles: NDArray[np.int32]) -> set[tuple[int, int]]:
    """Edges that one triangle only has."""
    edges = Counter(tuple(sorted((int(t[i]), int(t[(i + 1) % 3])))) for t in triangles for i in range(3))
    assert max(edges.values()) == 2
    return {(low, high) for (low, high), count in edges.items() if count == 1}


def enclosed(points: NDArray[np.float32], triangles: NDArray[np.int32]) -> float:
    a, b, c = (points[triangles[:, corner]].astype(np.float64) for corner in range(3))
    return float((a * np.cross(b, c)).sum() / 6)
