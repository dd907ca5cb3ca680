"""The page in a headset that is emulated: the person stands life-size in the room, cut out, and its voice comes from its mouth."""

import base64
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
from browser import Viewer, chromium, start_bridge
from doubles import PIXELS_PER_METRE
from ros_graph import Graph, voice

from visavis.store import asset_path

HEADSET = """
if (location.search.includes("headset")) {
  window.device = new IWER.XRDevice(IWER.metaQuest3);
  device.installRuntime({ forceInstall: true });
  device.position.set(0.2, 1.55, 0.3);
}
"""
LOOK = """() => new Promise((done) => {
  const { headset } = visavis;
  const draw = headset.draw;
  headset.draw = function (...frame) {
    draw.apply(this, frame);
    headset.draw = draw;
    const [width, height] = [this.layer.framebufferWidth, this.layer.framebufferHeight];
    const pixels = new Uint8Array(4 * width * height);
    this.gl.readPixels(0, 0, width, height, this.gl.RGBA, this.gl.UNSIGNED_BYTE, pixels);
    let bytes = "";
    for (let i = 0; i < pixels.length; i += 32768) bytes += String.fromCharCode(...pixels.subarray(i, i + 32768));
    done([width, height, btoa(bytes)]);
  };
})"""
"""What the eye sees: width, height, RGBA from the lowest row up."""
EARS = """async () => {
  const { headset } = visavis;
  if (window.heard?.of !== headset.panner) {
    const split = headset.audio.createChannelSplitter(2);
    headset.panner.connect(split);
    const ear = (side) => { const one = headset.audio.createAnalyser(); split.connect(one, side); return one; };
    window.heard = { of: headset.panner, ears: [ear(0), ear(1)] };
  }
  const samples = new Float32Array(2048);
  return heard.ears.map((ear) => { ear.getFloatTimeDomainData(samples); return Math.hypot(...samples); });
}"""
"""How loud it is at the left and the right ear now."""
SELECT = """async () => {
  const hand = device.controllers.right;
  hand.position.set(0.2, 1.2, 0.3);
  hand.quaternion.set(-Math.sin(Math.PI / 8), 0, 0, Math.cos(Math.PI / 8));
  const frames = async (count) => {
    const end = visavis.headset.frames + count;
    while (visavis.headset.frames < end) await new Promise((go) => setTimeout(go, 20));
  };
  await frames(3);
  hand.updateButtonValue("trigger", 1);
  await frames(3);
  hand.updateButtonValue("trigger", 0);
  await frames(3);
}"""
"""The right hand points to the floor before it, 45 degrees down, and pulls the trigger."""
EYES_HIGH, DISTANCE, FIELD = 1.55, 1.2, np.radians(90)


def seen(viewer: Viewer) -> np.ndarray:
    """uint8 (height, width, 4), the upper row first, colours multiplied by their opacity."""
    width, height, data = viewer.ask(LOOK)
    return np.frombuffer(base64.b64decode(data), np.uint8).reshape(height, width, 4)[::-1]


def place(viewer: Viewer) -> list[float]:
    return viewer.ask("visavis.headset.place && [...visavis.headset.place]")


def wait_person(viewer: Viewer, brightness: int) -> np.ndarray:
    """Wait until somebody as bright as that stands in the middle of the view; the view."""

    def look() -> list[np.ndarray]:
        view = seen(viewer)
        middle = view[view.shape[0] // 2, view.shape[1] // 2]
        return [view] if middle[3] == 255 and middle[0] >= brightness else []

    return viewer.wait(look, f"a person of brightness {brightness}")[0]


def test_the_person_stands_in_the_room(ros_over_udp: Graph, tmp_path: Path) -> None:
    ros = ros_over_udp
    ros.start_avatar(pixel_format="rgba8")
    bridge, url = start_bridge(ros)
    with chromium(tmp_path) as browser:
        browser.add_init_script(asset_path("iwer.min.js").read_text() + HEADSET)
        plain = Viewer(ros, browser, f"{url}?media=webrtc")
        plain.wait(lambda: "headset" in plain.page.inner_text("#headset-note"), "word that there is no headset")
        assert plain.page.is_hidden("#headset")
        plain.page.close()
        viewer = Viewer(ros, browser, f"{url}?media=webrtc&headset")
        viewer.page.set_viewport_size({"width": 800, "height": 600})
        viewer.wait_live()
        assert viewer.page.inner_text("#headset") == "Enter AR"
        ros.speak(np.full(16000 * 60, 20000, np.int16), subscribers=2, pace=60.0, end=False)
        viewer.page.click("#headset")
        view = wait_person(viewer, 100)
        height, width = view.shape[:2]
        focal = height / 2 / np.tan(FIELD / 2)

        # Life-size, eye to eye, before the viewer; opaque where the person is, nothing where it is not, and no rim between.
        assert np.allclose(place(viewer), [0.2, EYES_HIGH, 0.3 - DISTANCE], atol=1e-3)
        opacity, colour = view[..., 3].astype(int), view[..., :3].astype(float)
        head = np.flatnonzero(opacity[height // 2] > 127)
        assert abs(len(head) - 180 / PIXELS_PER_METRE / DISTANCE * focal) < 3
        eye = viewer.ask("device.ipd") / 2
        assert abs(head.mean() + 0.5 - width / 2 - eye / DISTANCE * focal) < 2, "as the left eye sees it"
        crown, rows = np.flatnonzero(opacity[:, width // 2] > 127)[0], 120 / PIXELS_PER_METRE / DISTANCE * focal
        assert abs(height / 2 - crown - rows) < 3
        near = np.zeros((height, width), bool)
        near[height // 2 - 120 : height // 2 + 120, width // 2 - 60 : width // 2 + 70] = True
        assert (opacity[~near] == 0).all(), "nothing else in the room"
        assert (opacity[near] == 0).sum() > 10_000, "air around the person"
        body = np.median(colour[opacity == 255], axis=0)
        rim = (opacity > 8) & (opacity < 248)
        assert rim.any() and np.abs(colour[rim] - body * opacity[rim, None] / 255).max() < 24, "colours go with their opacity"

        # The voice comes from where the mouth is.
        ros.speak(np.concatenate([voice(3.0)] * 20), utterance_id=2, subscribers=2, pace=30.0, end=False)
        assert viewer.ask("visavis.media.video.muted"), "not from the page as well"
        # A quaternion turns by twice its angle, to the right where it is negative.
        for turned, (near_ear, far_ear) in ((-0.5, (0, 1)), (0.5, (1, 0))):
            viewer.ask(f"device.quaternion.set(0, {np.sin(turned)}, 0, {np.cos(turned)})")

            def louder(near_ear: int = near_ear, far_ear: int = far_ear) -> bool:
                ears = viewer.ask(EARS)
                return ears[near_ear] > 0.05 and ears[near_ear] > 1.5 * ears[far_ear]

            viewer.wait(louder, "the voice on the side of the person")
        viewer.ask("device.quaternion.set(0, 0, 0, 1)")

        # Put elsewhere, it faces the viewer; where tracking is lost nothing is drawn, and it is there again afterwards.
        viewer.ask(SELECT)
        assert np.allclose(place(viewer), [0.2, EYES_HIGH, 0.3 - 1.2], atol=0.02), "where the ray meets the floor"
        viewer.ask("device.position.set(1.4, 1.55, -0.9); device.quaternion.set(0, Math.SQRT1_2, 0, Math.SQRT1_2)")
        wait_person(viewer, 0)
        viewer.ask("window.track = XRFrame.prototype.getViewerPose; XRFrame.prototype.getViewerPose = () => null; null")
        viewer.wait(lambda: not seen(viewer)[..., 3].any(), "nothing without tracking")
        viewer.ask("XRFrame.prototype.getViewerPose = window.track; null")
        view = wait_person(viewer, 0)
        assert abs(np.count_nonzero(view[height // 2, :, 3] > 127) - 180 / PIXELS_PER_METRE / DISTANCE * focal) < 3, "from the side too"

        # The bridge dies and comes back: the person fades, and is there again without a new session.
        bridge.kill()
        viewer.wait(lambda: 0 < seen(viewer)[height // 2, width // 2, 3] < 200, "a person that fades")
        bridge, _ = start_bridge(ros, port=urlsplit(url).port)
        wait_person(viewer, 0)
        ros.wait(lambda: ros.value("web_bridge", "viewers_headset") == 1, "diagnostics")

        # The headset is taken off: the page goes on, with the plain picture.
        viewer.ask("visavis.headset.session.end()")
        viewer.wait(lambda: viewer.ask("visavis.media.video.videoHeight") == 768, "the plain picture")
        viewer.wait_live()
        ros.wait(lambda: ros.value("web_bridge", "viewers_headset") == 0, "an end of encoding for nobody")
        assert viewer.page.inner_text("#headset") == "Enter AR" and viewer.errors == []
    ros.assert_no_errors()
