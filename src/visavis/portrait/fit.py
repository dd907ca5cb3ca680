"""Fits the rig to the face of a photo: camera, identity, expression, then a smooth warp that puts every landmark where it was seen.

Gauss-Newton with analytic derivatives on the 478 landmarks. Identity has a normal prior; ARKit weights stay in 0..1. What the 80 identity
components cannot express is left as a displacement in the picture plane, spread over the head by a thin-plate spline.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.face_offset import SKIN_LANDMARKS
from visavis.motion.layout import ARKIT_INDEX, ARKIT_NAMES
from visavis.portrait.body_pose import find_limbs
from visavis.portrait.landmarks import FACE_OVAL, INNER_LIPS, LEFT_LID, RIGHT_LID, FaceFinder, find_face
from visavis.portrait.matte import MATTE_MODEL, cut_out
from visavis.portrait.photo import Photo, as_at_border, check_room, choose_frame, cut_detail, cut_frame
from visavis.portrait.rig_asset import RigAsset
from visavis.types_portrait import Camera, FittedPortrait, RigMesh

FOCAL = 1732.0
"""Pixels: a vertical field of view of 25 degrees, usual for portraits. The landmarks alone cannot tell it from the depth of the face."""
NOISE = 0.010
"""Standard deviation of a landmark, as a share of the height of the face."""
IDENTITY_PRIOR = 0.5
EXPRESSION_PRIOR = 2.5
RESTING_PRIOR, CLOSED_SMILE_PRIOR = 10.0, 5.0
ALWAYS_RESTING = ("brow", "mouthRoll", "mouthPress", "mouthShrug")
"""Shapes that count as the person's own face rather than as an expression, so that the neutral face looks like the photo: the brows (the
heads on which the landmarks were placed have no hair of the brow to be seen), full or thin lips, and all of mouth and jaw where the lips
are closed."""
IDENTITY_LIMIT = 3.5
ITERATIONS = 12
OUTLIER = 3.0
"""Residuals beyond this many standard deviations lose influence (Geman-McClure like)."""
OVAL_TRUST, IRIS_TRUST = 0.35, 0.3
NOT_FITTED = ("eyeLook", "tongueOut", "cheekPuff", "mouthClose", "jawForward")
"""Shapes that landmarks of one picture cannot tell from identity. The gaze of the photo is by definition straight ahead."""
CLOSED_MOUTH = 0.035
"""Lips nearer than this share of the distance between the outer corners of the eyes are taken to touch: the landmarks see the dark line
between them."""
LIP_PAIRS: tuple[tuple[int, int], ...] = (
    (191, 95),
    (80, 88),
    (81, 178),
    (82, 87),
    (13, 14),
    (312, 317),
    (311, 402),
    (310, 318),
    (415, 324),
)
WARP_REACH, WARP_FALL = 0.012, 0.03
"""Metres: the warp is whole up to the first distance from the nearest landmark and falls off over the second."""
WARP_LIMIT = 0.02
SMOOTHING, OVAL_SMOOTHING = 2e-4, 2e-1

Progress = Callable[[str], None]


@dataclass(frozen=True)
class FaceFit:
    """Result of ``fit_face``: see the fields of the same name of ``FittedPortrait``. identity: float64 (K,)."""

    camera: Camera
    identity: NDArray[np.float64]
    expression: NDArray[np.float64]
    vertices: NDArray[np.float32]
    fit_rms: float
    warp_rms: float


def fit_portrait(
    photo: Photo,
    asset: RigAsset,
    landmark_model: Path,
    matte_model: Path = MATTE_MODEL,
    progress: Progress = lambda text: None,
    close: bool = False,
) -> FittedPortrait:
    """Everything that is to be known about ``photo``. Raises PortraitError for a photo that cannot be used.

    close: take the photo even where its borders cut the head.
    """
    progress("looking for the face")
    with FaceFinder(landmark_model) as finder:
        face = find_face(finder, photo.image, photo.name)
    if not close:
        check_room(photo.image.shape[0], face.landmarks, photo.name)
    frame = choose_frame(photo.image.shape[1], photo.image.shape[0], face.landmarks)
    image, own_alpha = cut_frame(photo, frame)
    detail, texel_detail = cut_detail(photo, frame)
    landmarks = frame.to_picture(face.landmarks)
    mouth_open = lip_gap(landmarks)
    if mouth_open < CLOSED_MOUTH:
        landmarks = close_lips(landmarks)
    progress("fitting the head")
    fitted = fit_face(landmarks, asset)
    progress("cutting out the person")
    cut = cut_out(image, landmarks, matte_model, own_alpha)
    # Hair and shoulders that the photo cuts go on beyond it, as the picture does, so that no background opens between both.
    alpha = as_at_border(cut.alpha, frame, photo.image.shape[1], photo.image.shape[0])
    limbs = find_limbs(photo.image, face.landmarks)
    limbs[..., :2] = frame.to_picture(limbs[..., :2])
    joints = asset.mesh.joint_heads + np.tensordot(fitted.identity, asset.identity_joints, 1)
    return FittedPortrait(
        content_hash=photo.content_hash,
        image=image,
        alpha=alpha,
        foreground=cut.foreground,
        landmarks=landmarks,
        vertices=fitted.vertices,
        expression=fitted.expression.astype(np.float32),
        camera=fitted.camera,
        joint_heads=joints.astype(np.float32),
        mouth_open=mouth_open,
        plain_background=cut.plain_background,
        fit_rms=fitted.fit_rms,
        warp_rms=fitted.warp_rms,
        detail=detail,
        texel_detail=texel_detail,
        limbs=limbs,
    )


def lip_gap(landmarks: NDArray[np.float64]) -> float:
    """Widest gap between the inner rims of the lips as a share of the distance between the outer corners of the eyes."""
    eyes = np.linalg.norm(landmarks[263] - landmarks[33])
    return float(max(np.linalg.norm(landmarks[upper] - landmarks[lower]) for upper, lower in LIP_PAIRS) / eyes)


def close_lips(landmarks: NDArray[np.float64]) -> NDArray[np.float64]:
    """The landmarks with both rims of the lips on the line between them."""
    closed = landmarks.copy()
    for upper, lower in LIP_PAIRS:
        closed[[upper, lower]] = (landmarks[upper] + landmarks[lower]) / 2
    return closed


def fit_face(landmarks: NDArray[np.float64], asset: RigAsset) -> FaceFit:
    """Camera, identity, expression and warped neutral vertices for ``landmarks`` float64 (478, 2) in pixels of the 512x768 picture."""
    mesh = asset.mesh
    mean = mesh.at_landmarks(asset.mean).astype(np.float64)
    basis = np.concatenate([mesh.at_landmarks(asset.identity), mesh.at_landmarks(mesh.expressions)]).astype(np.float64)
    identities = len(asset.identity)
    trust = _trust(mesh, landmarks)
    prior = np.r_[np.full(identities, IDENTITY_PRIOR), _expression_prior(lip_gap(landmarks) < CLOSED_MOUTH)]
    lower = np.r_[np.full(identities, -IDENTITY_LIMIT), np.zeros(len(ARKIT_NAMES))]
    upper = np.r_[np.full(identities, IDENTITY_LIMIT), [0.0 if name.startswith(NOT_FITTED) else 1.0 for name in ARKIT_NAMES]]

    weights = np.zeros(len(basis))
    rotation, translation = _first_pose(mean, landmarks)
    for _ in range(ITERATIONS):
        camera = Camera(rotation, translation, FOCAL)
        residual, jacobian = _linearise(mean + np.tensordot(weights, basis, 1), basis, landmarks, camera)
        robust = trust / (1 + ((residual * trust[:, None]) ** 2).sum(1) / OUTLIER**2)
        rows = (jacobian * robust[:, None, None]).reshape(-1, 6 + len(weights))
        hessian = rows.T @ rows
        gradient = -rows.T @ (residual * robust[:, None]).ravel()
        hessian[6:, 6:] += np.diag(prior**2)
        gradient[6:] -= prior**2 * weights
        step = solve_bounded(hessian, gradient, np.r_[np.full(6, -np.inf), lower - weights], np.r_[np.full(6, np.inf), upper - weights])
        rotation = cv2.Rodrigues(step[:3])[0] @ rotation
        translation = translation + step[3:6]
        weights = np.clip(weights + step[6:], lower, upper)

    camera = Camera(_orthonormal(rotation), translation, FOCAL)
    identity, expression = weights[:identities], weights[identities:]
    neutral = asset.mean + np.tensordot(identity, asset.identity, 1)
    shown = neutral + np.tensordot(expression, mesh.expressions, 1)
    error = camera.to_picture(mesh.at_landmarks(shown))[:, :2] - landmarks
    warp = _warp(mesh, shown, error, camera)
    warped = camera.to_picture(mesh.at_landmarks(shown + warp))[:, :2] - landmarks
    return FaceFit(camera, identity, expression, (neutral + warp).astype(np.float32), _inner_rms(error), _inner_rms(warped))


def solve_bounded(
    hessian: NDArray[np.float64], gradient: NDArray[np.float64], lower: NDArray[np.float64], upper: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Minimises ``x @ hessian @ x / 2 - gradient @ x`` within bounds that contain zero, by an active set. hessian: positive definite (n,
    n)."""
    held = np.zeros(len(gradient), bool)
    solution = np.zeros(len(gradient))
    for _ in range(60):
        free = ~held
        if free.any():
            solution[free] = solve(hessian[np.ix_(free, free)], gradient[free] - hessian[np.ix_(free, held)] @ solution[held])
        outside = free & ((solution < lower) | (solution > upper))
        if outside.any():
            solution = np.clip(solution, lower, upper)
            held |= outside
            continue
        pull = gradient - hessian @ solution
        wrong = held & (((solution <= lower) & (pull > 1e-9)) | ((solution >= upper) & (pull < -1e-9))) & (lower < upper)
        if not wrong.any():
            break
        held[np.argmax(np.where(wrong, np.abs(pull), -1))] = False
    return np.clip(solution, lower, upper)


def _expression_prior(mouth_closed: bool) -> NDArray[np.float64]:
    """One over the standard deviation of each ARKit weight."""
    prior = np.full(len(ARKIT_NAMES), EXPRESSION_PRIOR)
    for name, index in ARKIT_INDEX.items():
        if name.startswith(ALWAYS_RESTING) or (mouth_closed and name.startswith(("mouth", "jaw"))):
            prior[index] = CLOSED_SMILE_PRIOR if name.startswith("mouthSmile") else RESTING_PRIOR
    return prior


def solve(matrix: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    """``matrix`` inverted times ``right``, in one thread: NumPy's threads cost a hundred times the work itself where cores are busy."""
    found, solution = cv2.solve(np.ascontiguousarray(matrix), np.ascontiguousarray(right.reshape(len(right), -1)), flags=cv2.DECOMP_LU)
    if not found:
        raise np.linalg.LinAlgError("the system of equations is singular")
    return np.asarray(solution, np.float64).reshape(right.shape)


def _trust(mesh: RigMesh, landmarks: NDArray[np.float64]) -> NDArray[np.float64]:
    """One over the standard deviation of each landmark in pixels."""
    trust = np.clip(0.0015 / np.maximum(mesh.landmark_spread, 0.0005), 0.15, 1.5).astype(np.float64)
    trust[list(FACE_OVAL)] *= OVAL_TRUST
    trust[SKIN_LANDMARKS:] = IRIS_TRUST
    return trust / (NOISE * np.ptp(landmarks[:, 1]))


def _first_pose(mean: NDArray[np.float64], landmarks: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rotation and translation of the mean face, from a weak-perspective least-squares fit."""
    camera = Camera(np.eye(3), np.zeros(3), FOCAL)
    centred, seen = mean - mean.mean(0), landmarks - landmarks.mean(0)
    affine = np.linalg.lstsq(centred, seen, rcond=None)[0].T
    scale = np.linalg.norm(affine, axis=1).mean()
    x, y = affine / np.linalg.norm(affine, axis=1, keepdims=True)
    rotation = _orthonormal(np.stack([x, y, np.cross(x, y)]))
    depth = FOCAL / scale
    middle = np.r_[(landmarks.mean(0) - camera.principal) / FOCAL * depth, depth]
    return rotation, middle - rotation @ mean.mean(0)


def _orthonormal(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """The rotation nearest to ``matrix``."""
    left, _, right = np.linalg.svd(matrix)
    nearest: NDArray[np.float64] = left @ np.diag([1, 1, np.linalg.det(left @ right)]) @ right
    return nearest


def _linearise(
    points: NDArray[np.float64], basis: NDArray[np.float64], landmarks: NDArray[np.float64], camera: Camera
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Residual (478, 2) in pixels and its derivatives (478, 2, 6 + basis): small rotation on the left, translation, weights of the
    basis."""
    turned = points @ camera.rotation.T
    seen = turned + camera.translation
    depth = seen[:, 2]
    residual = seen[:, :2] / depth[:, None] * camera.focal + camera.principal - landmarks
    moves = np.concatenate(
        [
            np.stack([np.cross(axis, turned) for axis in np.eye(3)]),
            np.stack([np.broadcast_to(axis, turned.shape) for axis in np.eye(3)]),
            basis @ camera.rotation.T,
        ]
    )
    jacobian = (moves[..., :2] - seen[:, :2] / depth[:, None] * moves[..., 2:]) * (camera.focal / depth)[:, None]
    return residual, np.moveaxis(jacobian, 0, -1)


def _warp(mesh: RigMesh, shown: NDArray[np.floating], error: NDArray[np.float64], camera: Camera) -> NDArray[np.float64]:
    """Displacement (V, 3) in head space that moves the landmarks of ``shown`` by minus ``error`` pixels, parallel to the picture plane."""
    skin = slice(0, SKIN_LANDMARKS)
    places = mesh.at_landmarks(shown)[skin].astype(np.float64)
    depth = camera.to_camera(places)[:, 2:]
    wanted = np.c_[-error[skin] * depth / camera.focal, np.zeros(SKIN_LANDMARKS)] @ camera.rotation
    smoothing = np.full(SKIN_LANDMARKS, SMOOTHING)
    smoothing[list(FACE_OVAL)] = OVAL_SMOOTHING
    spline = ThinPlate(places, wanted, smoothing)

    warp = np.zeros((len(shown), 3))
    moved = np.flatnonzero(mesh.head_weight > 0.02)
    nearest = np.sqrt(((shown[moved, None].astype(np.float32) - places[None].astype(np.float32)) ** 2).sum(2).min(1))
    fall = np.exp(-((np.maximum(nearest - WARP_REACH, 0) / WARP_FALL) ** 2)) * np.sqrt(np.clip(mesh.head_weight[moved], 0, 1))
    warp[moved] = np.clip(spline(shown[moved].astype(np.float64)), -WARP_LIMIT, WARP_LIMIT) * fall[:, None]
    # Rigid things go with what surrounds them: bending an eyeball or a tooth would show.
    at_landmarks = spline(places)
    for parts, around in (
        (("eye_left", "lashes_left"), LEFT_LID),
        (("eye_right", "lashes_right"), RIGHT_LID),
        (("teeth_upper", "teeth_lower", "tongue"), (*INNER_LIPS[:1], 13, 14, 308, 0, 17)),
    ):
        for part in parts:
            if not part.startswith("lashes"):
                warp[np.unique(mesh.triangles_of(part))] = at_landmarks[list(around)].mean(0)
    return warp


class ThinPlate:
    """Thin-plate spline through values at points in space (Duchon 1977; kernel r^2 log r), affine far away."""

    UNIT = 0.1
    """Metres that count as one, so that smoothing and conditioning do not depend on the unit."""

    def __init__(self, points: NDArray[np.float64], values: NDArray[np.float64], smoothing: NDArray[np.float64]) -> None:
        self._points = points / self.UNIT
        count = len(points)
        affine = np.c_[np.ones(count), self._points]
        system = np.zeros((count + 4, count + 4))
        system[:count, :count] = self._kernel(self._points) + np.diag(smoothing)
        system[:count, count:], system[count:, :count] = affine, affine.T
        self._weights = solve(system, np.r_[values, np.zeros((4, values.shape[1]))])

    def __call__(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        scaled = points / self.UNIT
        count = len(self._points)
        result: NDArray[np.float64] = (
            self._kernel(scaled) @ self._weights[:count] + np.c_[np.ones(len(scaled)), scaled] @ self._weights[count:]
        )
        return result

    def _kernel(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        squared = np.maximum((points**2).sum(1)[:, None] + (self._points**2).sum(1) - 2 * points @ self._points.T, 0)
        kernel: NDArray[np.float64] = 0.5 * squared * np.log(np.maximum(squared, 1e-12))
        return kernel


def _inner_rms(error: NDArray[np.float64]) -> float:
    """Root mean square length, pixels, over the skin landmarks that are not on the contour."""
    inner = [index for index in range(SKIN_LANDMARKS) if index not in FACE_OVAL]
    return float(np.sqrt((error[inner] ** 2).sum(1).mean()))


def shown_vertices(fitted: FittedPortrait, mesh: RigMesh) -> NDArray[np.float32]:
    """The face as the photo shows it: float32 (V, 3), head space."""
    return fitted.vertices + np.tensordot(fitted.expression, mesh.expressions, 1).astype(np.float32)


def jaw_open(fitted: FittedPortrait) -> float:
    """How far the jaw hangs in the photo, 0..1."""
    return float(fitted.expression[ARKIT_INDEX["jawOpen"]])
