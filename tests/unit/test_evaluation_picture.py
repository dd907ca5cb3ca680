"""Measures of the picture: they see what they are for, on pictures made to have it and on portraits. Needs `visavis assets fetch`."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from visavis.cli.main import main
from visavis.evaluation.judge import WAYS, Shown, error_map, judge_cross, judge_self, where_error_sits
from visavis.evaluation.picture_score import gradient_similarity, halo, landmark_distance, psnr, shape_distance, ssim
from visavis.evaluation.reenact import Reenactor, sheet_cells
from visavis.evaluation.robust import check_robust
from visavis.runtime.refine import load_refine
from visavis.store import asset_path
from visavis.types_portrait import PICTURE_HEIGHT, PortraitRig


def test_psnr_and_ssim_fall_with_noise_and_blur() -> None:
    random = np.random.default_rng(0)
    picture = cv2.GaussianBlur(random.integers(0, 256, (120, 100, 3)).astype(np.uint8), (0, 0), 2).astype(np.uint8)
    noisy = (picture + random.normal(0, 10, picture.shape)).clip(0, 255).astype(np.uint8)
    assert psnr(picture, picture) == 99 and ssim(picture, picture) == pytest.approx(1)
    assert psnr(noisy, picture) == pytest.approx(20 * np.log10(255 / 10), abs=0.4)
    blurred = [cv2.GaussianBlur(picture, (0, 0), sigma).astype(np.uint8) for sigma in (1, 3)]
    assert 0.5 < ssim(noisy, picture) < 0.9 and ssim(blurred[1], picture) < ssim(blurred[0], picture) < 1
    assert gradient_similarity(noisy, picture) < 0.98 < gradient_similarity(picture, picture) == pytest.approx(1)
    darker = (picture * 0.8).astype(np.uint8)
    assert gradient_similarity(blurred[1], picture) < gradient_similarity(darker, picture)
    with pytest.raises(ValueError, match="one shape"):
        psnr(picture, picture[:10])


def test_shape_does_not_see_where_a_face_is_but_how_it_is_built() -> None:
    face = np.random.default_rng(0).uniform(0, 200, (478, 2))
    turn = np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]])
    moved = 1.7 * face @ turn + (30, -12)
    assert shape_distance(moved, face) < 1e-9 < 0.1 < landmark_distance(moved, face)
    assert shape_distance(face * (1.2, 1.0), face) > 0.02


def test_a_bright_rim_is_a_halo_and_a_soft_one_is_not() -> None:
    disk = cv2.GaussianBlur(cv2.circle(np.zeros((200, 200), np.uint8), (100, 100), 60, 255, -1), (0, 0), 3)
    share = disk[..., None] / 255
    soft = (60 * share + 150 * (1 - share)).round().astype(np.uint8).repeat(3, 2)
    rim = 4 * share * (1 - share)
    assert halo(soft, disk)[0] < 1.0
    assert halo((soft + 60 * rim).clip(0, 255).astype(np.uint8), disk)[0] > 5


def test_random_motions_of_the_default_portrait_are_sound(portrait: PortraitRig) -> None:
    result = check_robust(portrait, 40, frames=10)
    assert result.sound and result.motions == 40 and result.flicker == 0.0


def test_a_missing_lining_and_a_pulled_border_are_found(portrait: PortraitRig) -> None:
    none = portrait.triangles["lining"][:0]
    assert check_robust(replace(portrait, triangles={**portrait.triangles, "lining": none}), 12, frames=2).holes > 0
    sheet = portrait.textures["person"].copy()
    sheet[2 * (PICTURE_HEIGHT + 26) :] = 0  # a few pixels are left below the picture
    lifted = np.tile(np.float32([0, -0.1, 0]), (len(portrait.vertices), 1))
    assert check_robust(replace(portrait, breath=lifted, textures={**portrait.textures, "person": sheet}), 12, frames=2).borders > 0


def test_the_rig_meets_another_expression_better_than_the_photo_does() -> None:
    """The neutral photos of two people nothing was trained on. One is moved to her happy face, with the folds that the network gives
    it as well, and to her surprised one as a tracker sees them; and as the other moves."""
    cells, others = (sheet_cells(asset_path("openpeople") / name / "assets" / "emotions_sheet.jpg") for name in ("P010", "P009"))
    assert len(cells) == 16
    refine = load_refine()
    with Reenactor(asset_path("face_landmarker.task"), asset_path("face_api"), [cells[0], others[0]]) as reenactor:
        source, driver = reenactor.source(cells[0], "P010"), reenactor.source(others[0], "P009")
        found = [reenactor.target(cells[index], source, f"cell {index}") for index in (1, 4)]
        targets = [target for target in found if target is not None]
        moves = [target for index in (1, 4) if (target := reenactor.target(others[index], driver, "other")) is not None]
        assert len(targets) == len(moves) == 2
        shown = Shown(source, refine)
        verdicts, pictures = judge_self(reenactor, shown, targets)
        _, plain, folded = (reenactor.score(pictures[way][0], targets[0], source) for way in WAYS[1:])
        cross, moved = judge_cross(reenactor, shown, targets, driver, moves)
    photo, rig, refined, network = (verdicts[way] for way in WAYS)
    assert rig.score.landmarks < 0.75 * photo.score.landmarks and rig.score.face_ssim > photo.score.face_ssim - 0.02
    assert refined.score.landmarks < 0.8 * rig.score.landmarks and refined.score.face_psnr > rig.score.face_psnr + 0.1
    assert rig.score.perceptual < photo.score.perceptual
    assert photo.score.identity > 0.99 > rig.score.identity > 0.5
    assert photo.flicker_person == 0.0 == network.flicker and 0.0 < network.flicker_person < 2.0 and network.halo < 6.0
    assert folded.face_psnr > plain.face_psnr + 0.3 and folded.face_ssim > plain.face_ssim
    still, led = cross["photo"], cross[WAYS[-1]]
    assert led.expression < 0.9 * still.expression, (still, led)
    assert led.identity > 0.5 > led.to_driver
    assert len(moved["rig"]) == 2 and np.any(moved["rig"][0] != moved["rig"][1])

    spoiled = targets[0].picture.copy()
    spoiled[:40, :40] //= 2  # the wall beside her
    parts = where_error_sits([spoiled], targets[:1])
    assert parts["background"].error > 0.95 and sum(part.share for part in parts.values()) == pytest.approx(1)
    assert where_error_sits(pictures["rig"], targets)["face"].error > 0.2
    assert error_map(spoiled, targets[0].picture)[60:].max() == 0 < error_map(spoiled, targets[0].picture)[:40, :40].mean()


def test_the_sheet_shows_each_pose_in_full(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", "sheet", "--poses", "rest, broad smile, hands raised", "--keep", str(tmp_path)]) == 0
    rest, smile, hands = (cv2.imread(str(tmp_path / f"default {name}.png")) for name in ("rest", "broad smile", "hands raised"))
    assert rest.shape == (768, 512, 3) and str(tmp_path / "default.png") in capsys.readouterr().out
    moved = [np.abs(image.astype(int) - rest).max(-1) > 24 for image in (smile, hands)]
    face = np.s_[:300]
    assert moved[0][face].sum() > 100 and moved[0][300:].sum() == 0, "a smile moves the face alone"
    assert moved[1][300:].sum() > 10_000
    assert main(["eval", "sheet", "--poses", "handstand", "--keep", str(tmp_path)]) == 1
    assert "broad smile" in capsys.readouterr().err
