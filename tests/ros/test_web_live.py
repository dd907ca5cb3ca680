"""The page in a real browser on a real graph (with the small stages of doubles.py): it sees, hears, speaks, interrupts and comes back."""

import shutil
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import av
import numpy as np
import soundfile
from browser import Viewer, chromium, start_bridge
from geometry_msgs.msg import PointStamped
from rcl_interfaces.msg import ParameterEvent
from ros_graph import Graph, voice
from std_msgs.msg import String
from visavis_msgs.msg import AudioChunk, Expression

from visavis.cli.defaults import default_portrait
from visavis.store import asset_path

LOUD = np.full(16000 * 20, 12000, np.int16)
"""A voice that doubles.py draws as a bright picture; as sound it is a click."""


def samples_of(messages: list[AudioChunk]) -> np.ndarray:
    return np.concatenate([np.frombuffer(msg.samples, np.int16) for msg in messages]) if messages else np.zeros(0, np.int16)


def tone_bursts(path: Path, hertz: float = 1000.0, rate: int = 48_000) -> None:
    """Two seconds of a tone that comes and goes, so that a browser does not take it for noise."""
    time_s = np.arange(2 * rate) / rate
    soundfile.write(path, 0.5 * np.sin(2 * np.pi * hertz * time_s) * (time_s % 0.4 < 0.25), rate)


def pitch(samples: np.ndarray) -> float:
    """Hertz of the strongest tone at 16 kHz."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum[5:]) + 5) * 16_000 / len(samples)


def changes(events: list[ParameterEvent]) -> set[tuple[str, float]]:
    return {(one.name, one.value.double_value) for event in events for one in event.changed_parameters}


def barriers(viewer: Viewer) -> list[str]:
    """What axe-core finds on the page, with everything unfolded."""
    viewer.ask("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    viewer.ask(asset_path("axe.min.js").read_text() + "; null")
    found = viewer.ask("axe.run({ resultTypes: ['violations'] }).then((result) => result.violations)")
    return [f"{rule['id']}: {node['target']} {node['failureSummary']}" for rule in found for node in rule["nodes"]]


CONVERGE = """async () => {
  const { correct } = await import("/sync.js");
  const found = [];
  for (const sound of [40, 160]) for (const picture of [50, 140]) for (const late of [-40, 0, 70]) {
    let held = [100, 80], ahead;
    for (let turn = 0; turn < 30; turn++) {
      const waits = [Math.max(held[0], sound), Math.max(held[1], picture)];
      ahead = waits[0] - waits[1] - late;
      held = correct(ahead, ...held, waits[1]);
    }
    found.push([ahead, Math.max(held[0], sound) - Math.max(100, sound), Math.max(held[1], picture) - picture]);
  }
  return found;
}"""
"""What each buffer takes of its own, and how much later the picture is sent: how far apart they end, and by how much each waits for the
other."""


def test_seen_heard_and_interrupted_by_two_at_once(ros: Graph, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    shutil.copy(default_portrait(), photos / "anna.jpg")
    (photos / "secret.txt").touch()
    _, url = start_bridge(ros, linger=0.5, portraits=str(photos))
    with chromium(tmp_path) as browser:
        one = Viewer(ros, browser, f"{url}?media=webrtc")
        one.wait(lambda: "The avatar is not running" in one.status, "word that there is no graph")
        ros.start_avatar()
        one.wait_live()
        assert one.ask("visavis.media.mode") == "webrtc"
        two = Viewer(ros, browser, f"{url}?media=webrtc")
        two.wait_live()

        # The page keeps picture and sound in step.
        for ahead, sound_waits, picture_waits in one.ask(CONVERGE):
            assert abs(ahead) < 1 and min(sound_waits, picture_waits) < 1, "in step, and only one waits for the other"
        one.wait(lambda: one.ask("Math.abs(visavis.media.sync.ahead ?? 999) <= 25"), "picture and sound in step")
        targets = "visavis.media.peer.getReceivers().map((one) => [one.track.kind, one.jitterBufferTarget])"
        assert dict(one.ask(targets))["audio"] >= 100, "sound has time enough"

        # Speech is seen, and heard.
        sound = ros.listen(AudioChunk, "audio_out", depth=5000)
        ros.speak(np.concatenate([voice(3.0)] * 5), subscribers=2, pace=20.0)
        one.wait(lambda: one.loudness > 1e-4, "the sound of the voice")
        ros.speak(LOUD, utterance_id=2, subscribers=2, pace=20.0, end=False)
        one.wait(lambda: one.brightness > 60, "the picture of a loud voice")

        # Interrupted from the page.
        one.page.click("#interrupt")
        ros.wait(lambda: any(not msg.samples and msg.end_of_utterance for msg in sound), "the graph's word that sound stops")
        two.wait(lambda: 0 <= two.brightness < 20, "a dark picture with the other viewer")

        # Wishes.
        expression = ros.listen(Expression, "expression")
        one.page.check("input[name=emotion][value=happy]", force=True)
        ros.wait(lambda: expression and expression[-1].emotion == "happy", "an emotion from the page")
        two.wait(lambda: two.ask("document.querySelector('input[name=emotion]:checked').value") == "happy", "the other page to know it")
        one.page.keyboard.press("5")
        two.wait(lambda: two.ask("document.querySelector('input[name=style]:checked').value") == "serious", "a style by its key")

        scaled = ros.listen(ParameterEvent, "/parameter_events")
        one.page.click("summary")
        one.ask("(() => { const input = document.getElementById('gesture-scale'); input.value = 150; input.onchange(); })()")
        ros.wait(lambda: ("gesture_scale", 1.5) in changes(scaled), "a scale from the page")
        looked = ros.listen(PointStamped, "look_at")
        one.page.click("#video", position={"x": 300, "y": 60})
        ros.wait(lambda: looked, "a point that was clicked on")
        assert looked[0].point.x > 0.1 and looked[0].point.y > 0.05 and looked[0].point.z > 0.05, "to the viewer's right, above the eyes"
        one.page.check("#follow")
        one.page.mouse.move(500, 300)
        ros.wait(lambda: len(looked) > 1, "the pointer")
        one.page.uncheck("#follow")

        asked = ros.listen(String, "portrait")
        offered = one.page.locator("input[name=portrait]")
        assert [one.get_attribute("value") for one in offered.all()] == ["anna", "original"], "photos, and the way back"
        offered.first.check(force=True)
        ros.wait(lambda: asked and asked[-1].data == str(photos / "anna.jpg"), "a portrait from the page")
        two.wait(lambda: two.ask("document.querySelector('input[name=portrait]:checked')?.value") == "anna", "the other page to know it")
        answer = one.ask("visavis.socket.say({ type: 'portrait', name: '../secret' })")
        assert not answer["ok"], "only what is offered"

        # A recording, kept by the browser.
        with one.page.expect_download() as download:
            one.page.keyboard.press("r")
            one.wait(lambda: one.page.get_attribute("#record", "aria-pressed") == "true", "a recording")
            seen = one.shown
            one.wait(lambda: one.shown > seen + 45, "something to record")
            one.page.keyboard.press("r")
        with av.open(download.value.path()) as film:
            assert sum(1 for _ in film.decode(video=0)) > 5 and len(film.streams.audio) == 1

        # Nobody is kept out: names, roles, contrast, order, in light and in the dark, on a wide and on a narrow screen.
        for scheme, width in (("light", 1280), ("dark", 400)):
            two.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            two.page.set_viewport_size({"width": width, "height": 800})
            assert barriers(two) == [], f"{scheme}, {width} pixels wide"

        # One encode for both.
        begun = one.shown, two.shown
        one.wait(lambda: one.shown > begun[0] + 60 and two.shown > begun[1] + 60, "pictures for both")
        ros.wait(lambda: ros.value("web_bridge", "viewers_webrtc") == 2, "diagnostics")
        encoded, handled = ros.value("web_bridge", "pictures_encoded"), ros.value("web_bridge", "frames")
        assert 100 < encoded <= handled, "each picture of the graph was encoded once at most"
        assert one.errors == [] and two.errors == []
    ros.wait(lambda: ros.value("web_bridge", "viewers_webrtc") == 0, "word that nobody looks")
    ros.wait(lambda: ros.value("video_generation", "watched") == 0, "an end of drawing for nobody")
    ros.assert_no_errors()


def test_the_microphone_and_a_file_reach_the_graph(ros: Graph, tmp_path: Path) -> None:
    tone_bursts(tmp_path / "microphone.wav")
    spoken = voice(2.0)
    soundfile.write(tmp_path / "speech.wav", spoken, 16_000)
    ros.start_avatar()
    _, url = start_bridge(ros)
    with chromium(tmp_path, tmp_path / "microphone.wav") as browser:
        viewer = Viewer(ros, browser, url)
        viewer.wait_live()
        audio = ros.listen(AudioChunk, "audio", depth=5000)

        viewer.page.set_input_files("#picker", tmp_path / "speech.wav")
        ros.wait(lambda: audio and audio[-1].end_of_utterance and len(samples_of(audio)) >= len(spoken), "the whole file on audio")
        # A stall may have it go on as a new utterance; whatever the utterance, no sample is lost or comes twice.
        played = samples_of(audio)[: len(spoken)].astype(float)
        assert np.corrcoef(played, spoken)[0, 1] > 0.98, "resampled to the sound card's rate and back by the browser"
        audio.clear()

        viewer.page.click("#talk")

        def loud() -> list[np.ndarray]:
            """Tenths of a second in which the tone sounds."""
            samples = samples_of(audio)
            parts = [samples[first : first + 1600] for first in range(0, len(samples) - 1600, 1600)]
            return [part for part in parts if np.abs(part.astype(int)).mean() > 1000]

        heard = ros.wait(loud, "the microphone's tone on audio")
        assert abs(pitch(heard[0]) - 1000) < 30, "at the right rate"
        assert {msg.sample_rate for msg in audio} == {16_000}
        viewer.page.click("#talk")
        ros.wait(lambda: audio[-1].end_of_utterance, "the end of the utterance")
        expected: dict[int, int] = {}
        for msg in audio:
            assert msg.first_sample == expected.get(msg.utterance_id, 0), "samples are counted without a gap"
            expected[msg.utterance_id] = msg.first_sample + len(msg.samples)

        (tmp_path / "broken.wav").write_bytes(b"RIFF but no sound")
        viewer.page.set_input_files("#picker", tmp_path / "broken.wav")
        viewer.wait(lambda: "holds no sound" in viewer.status, "word that the file is broken")
        assert viewer.errors == []
    ros.assert_no_errors()


def test_a_bridge_that_was_killed_comes_back_to_the_open_page(ros_over_udp: Graph, tmp_path: Path) -> None:
    ros = ros_over_udp
    ros.start_avatar()
    token = {"token": "a token of many letters", "compressed": True}
    bridge, url = start_bridge(ros, **token)
    with chromium(tmp_path) as browser:
        gate = browser.new_page()
        gate.goto(url)
        gate.fill("#token", "a wrong one")
        gate.click("button")
        gate.get_by_text("That is not the token").wait_for()
        gate.fill("#token", token["token"])
        gate.click("button")
        gate.get_by_role("button", name="Interrupt").wait_for()
        gate.close()
        webrtc, pictures = (Viewer(ros, browser, f"{url}?media={mode}") for mode in ("webrtc", "pictures"))
        for viewer in (webrtc, pictures):
            viewer.wait_live()
            viewer.ask("window.sameDocument = true")
        assert (webrtc.ask("visavis.media.mode"), pictures.ask("visavis.media.mode")) == ("webrtc", "pictures")
        request = Request(f"{url}stream.mjpg", headers={"Authorization": f"Bearer {token['token']}"})
        with urlopen(request, timeout=90) as stream:
            assert b"\xff\xd8" in stream.read(4096), "programs get pictures too"
        bridge.kill()
        for viewer in (webrtc, pictures):
            viewer.wait(lambda viewer=viewer: "The connection is lost" in viewer.status, "word that the connection is lost")
        start_bridge(ros, port=urlsplit(url).port, **token)
        for viewer in (webrtc, pictures):
            viewer.wait_live()
            assert viewer.ask("window.sameDocument"), "without being loaded again"
            assert viewer.errors == []
    ros.assert_no_errors()
