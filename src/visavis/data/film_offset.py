"""The implicit refinement of the face in a film: a rig is made of its calmest picture and compared with all others."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visavis.control.pose import ControlConfig, ControlStage
from visavis.data.offset_meter import OffsetMeter
from visavis.data.tracking import Track
from visavis.face_offset import OFFSET_VALUES
from visavis.motion.layout import FACE, HEAD_ROTATION, neutral_motion, rotation_to_6d
from visavis.portrait.fit import fit_portrait
from visavis.portrait.layers import build_portrait_rig
from visavis.portrait.photo import Photo, choose_frame
from visavis.portrait.rig_asset import load_rig_asset

CONFIG = ControlConfig(head_limit=28.0, breath=0.0, sway=0.0, crossfade=0, limb_crossfade=0, arms=False)


def film_offsets(track: Track, landmark_model: Path) -> NDArray[np.float32]:
    """Values (n, OFFSET_VALUES) of ``motion.layout.FACE_OFFSET`` for the pictures of a film, NaN where no face was seen. Takes some seconds
    for the rig, and milliseconds a picture. PortraitError where the calmest picture makes no portrait."""
    asset = load_rig_asset()
    fitted = fit_portrait(Photo(track.portrait, None, "film", "the film's calmest picture"), asset, landmark_model, close=True)
    rig = build_portrait_rig(fitted, asset.mesh)
    calm = track.calmest
    height, width = track.portrait.shape[:2]
    frame = choose_frame(width, height, track.landmarks[calm])
    meter = OffsetMeter(ControlStage(rig, CONFIG), rig, frame.to_picture(track.landmarks[calm]))
    offsets = np.full((len(track.times), OFFSET_VALUES), np.nan, np.float32)
    for index in np.flatnonzero(~np.isnan(track.face[:, 0])):
        motion = neutral_motion(1)[0]
        motion[FACE] = np.clip(track.face[index], 0, 1)
        motion[HEAD_ROTATION] = rotation_to_6d(track.rotation[index] @ track.rotation[calm].T)
        offsets[index] = meter.measure(motion, frame.to_picture(track.landmarks[index]))
    return offsets
