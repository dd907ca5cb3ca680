"""Pairs for the face refinement: what the skin of one person looks like in many expressions, each laid back onto the calm face, with how
the rig has moved there.

From the emotion sheets of openpeople: the rig is fitted to the neutral cell and moved as MediaPipe sees the other cells move. Each cell is
warped onto the neutral face by its landmarks; light that differs from cell to cell is taken out as a smooth factor.
"""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.control.pose import ControlStage
from visavis.evaluation.reenact import CONFIG, Reenactor, Source, Target, refined_motion_of, sheet_cells
from visavis.training.refine_data import Expressions, mean_spec, save_expressions, save_spec, skin_mask
from visavis.types import MotionChunk
from visavis.video.refine import GRID, SIDE, FaceFrame, RefineEngines, RefineSpec, ThinPlate, frame_points, photo_in_frame, photo_input

HAND_CELL, TONGUE_CELL = 10, 14
"""Cells in which a hand covers the chin, and the tongue the lower lip."""

STIFFNESS = 2e-3
FACE_SKIN = 468


def make_pairs(sheets: dict[str, Path], landmark_model: Path, output: Path, tell: Callable[[str], None] = print) -> RefineSpec:
    """Writes ``NAME.npz`` for every sheet and ``spec.json`` to ``output``. ValueError for a sheet that is none."""
    seen: dict[str, tuple[Source, list[Target]]] = {}
    with Reenactor(landmark_model) as reenactor:
        for name, path in sheets.items():
            cells = sheet_cells(path)
            source = reenactor.source(cells[0], name)
            found = [reenactor.target(cell, source, str(index)) for index, cell in enumerate(cells[1:], 1) if index != HAND_CELL]
            seen[name] = source, [target for target in found if target is not None]
            tell(f"{name}: fitted, {len(seen[name][1])} expressions")
    spec = mean_spec([source.rig for name, (source, _) in seen.items()])
    output.mkdir(parents=True, exist_ok=True)
    save_spec(spec, output)
    for name, (source, targets) in seen.items():
        save_expressions(expressions_of(source, targets, spec), output / f"{name}.npz")
        tell(f"{name}: {len(targets)} pairs")
    return spec


def expressions_of(source: Source, targets: list[Target], spec: RefineSpec) -> Expressions:
    """Lays the targets onto the source."""
    frame = FaceFrame(source.rig, spec)
    control = ControlStage(source.rig, CONFIG)
    skin = skin_mask(spec)
    to_photo = frame.to_photo(frame_points())
    tones = [np.log(np.maximum(photo_in_frame(source.picture, to_photo.astype(np.float32)), 4.0))]
    motions = [np.zeros((3, GRID, GRID), np.float32)]
    valid = [skin > 0.01]
    lips = np.array([place for name, place in zip(spec.names, spec.places, strict=True) if name.startswith("outer_lip")])
    for target in targets:
        there = ThinPlate(source.landmarks[:FACE_SKIN], target.landmarks[:FACE_SKIN], STIFFNESS)(to_photo)
        tone = np.log(np.maximum(photo_in_frame(target.picture, there.astype(np.float32)), 4.0))
        seen = skin > 0.01
        if target.name.split()[-1] == str(TONGUE_CELL):
            seen &= ~((frame_points()[..., 1] > lips[:, 1].min()) & (np.abs(frame_points()[..., 0] - SIDE / 2) < 0.7 * np.ptp(lips[:, 0])))
        tones.append(tone - smooth_light(tone - tones[0], skin * seen))
        motion = refined_motion_of(target, source, source.rig)
        frames, _ = control.step(MotionChunk(1, 0, motion[None]), control.initial_state())
        motions.append(frame.motion(frames[0].vertices)[0])
        valid.append(seen)
    rest, _ = control.step(MotionChunk(1, 0, _calm()[None]), control.initial_state())
    motions[0] = frame.motion(rest[0].vertices)[0]
    return Expressions(
        np.stack(tones).astype(np.float16),
        np.stack(motions).astype(np.float16),
        np.stack(valid).astype(np.uint8),
        ("0", *(target.name for target in targets)),
    )


def _calm() -> NDArray[np.float32]:
    from visavis.motion.layout import neutral_motion

    return np.asarray(neutral_motion(1)[0])


def smooth_light(difference: NDArray[np.float32], weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """What of a difference (SIDE, SIDE, 3) is a plane and a bend over the whole face, fitted robustly: another light, not a fold."""
    x, y = (frame_points()[..., axis] / SIDE - 0.5 for axis in (0, 1))
    basis = np.stack([np.ones_like(x), x, y, x * x, y * y], -1).reshape(-1, 5)
    result = np.empty_like(difference)
    for channel in range(3):
        values = difference[..., channel].reshape(-1)
        trust = weight.reshape(-1).astype(np.float64)
        for _ in range(8):
            weighted = basis * trust[:, None]
            fit = np.linalg.solve(weighted.T @ basis + 1e-6 * np.eye(5), weighted.T @ values)
            trust = weight.reshape(-1) / (1 + ((values - basis @ fit) / 0.08) ** 2)
        result[..., channel] = (basis @ fit).reshape(SIDE, SIDE)
    return result


def foretold(source: Source, targets: list[Target], engines: RefineEngines) -> float:
    """How much of the variance of what the skin does between ``source`` and ``targets`` the networks foretell, at a quarter of the frame's
    size: 1 is all of it, 0 what a rig without networks does, below 0 is harm."""
    there = expressions_of(source, targets, engines.spec)
    skin = skin_mask(engines.spec)
    features = engines.photo.run({"photo": photo_input(np.exp(there.tone[0].astype(np.float32)))})["features"]
    missed = total = 0.0
    for tone, motion, valid in zip(there.tone[1:], there.motion[1:], there.valid[1:], strict=True):
        gain = engines.skin.run({"features": features, "motion": motion[None].astype(np.float32)})["gain"][0].transpose(1, 2, 0)
        weight = (skin * valid)[..., None]
        truth = (tone.astype(np.float32) - there.tone[0]) * weight
        size = (SIDE // 4, SIDE // 4)
        guess, truth = (cv2.resize(each, size, interpolation=cv2.INTER_AREA) for each in (np.log(gain) * weight, truth))
        missed += float(((guess - truth) ** 2).sum())
        total += float((truth**2).sum())
    return 1 - missed / total
