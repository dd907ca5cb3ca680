"""The screen node over real DDS with SDL's dummy display: picture and sound in step, and each goes on without the other."""

from pathlib import Path

import numpy as np
from ros_graph import Graph, quickest, voice


def test_screen_shows_and_plays_in_step_and_survives_the_loss_of_display_and_sound(ros: Graph, tmp_path: Path) -> None:
    ros.env |= {"SDL_VIDEODRIVER": "dummy", "SCREEN_FAULTS": str(tmp_path)}
    node = ros.start("screen", idle_after=1.0)
    ros.wait(lambda: ros.value("screen", "window") == 1 and ros.value("screen", "sound") == 1, "window and loudspeaker")
    assert ros.value("screen", "idle") == 1
    ros.start_avatar()
    ros.wait(lambda: ros.value("screen", "idle") == 0 and ros.value("screen", "frames") > 30, "pictures")

    def attempt(number: int) -> float:
        begun_ns = ros.speak(voice(4.0, seed=number), utterance_id=number + 1, subscribers=2)
        ros.spin(0.8)
        return abs(lag_seconds(*(probed(tmp_path, what, begun_ns) for what in ("picture", "sound"))))

    lag = quickest(attempt, 0.045)
    assert lag <= 0.045, f"picture and sound are {lag * 1e3:.0f} ms apart"
    ros.wait(lambda: ros.value("screen", "av_offset_p99_ms") == ros.value("screen", "av_offset_p99_ms"), "a figure")
    assert abs(ros.value("screen", "av_offset_ms")) < 34

    (tmp_path / "no_sound").touch()
    ros.wait(lambda: ros.value("screen", "sound") == 0, "the loss of the loudspeaker")
    frames = ros.value("screen", "frames")
    ros.wait(lambda: ros.value("screen", "frames") > frames + 20, "pictures without sound")
    (tmp_path / "no_sound").unlink()
    (tmp_path / "no_display").touch()
    ros.wait(lambda: ros.value("screen", "window") == 0 and ros.level("screen") == 2, "the loss of the display")
    ros.wait(lambda: ros.value("screen", "sound") == 1, "sound without a display")
    (tmp_path / "no_display").unlink()
    ros.wait(lambda: ros.value("screen", "window") == 1 and ros.level("screen") != 2, "the display to be back")
    frames = ros.value("screen", "frames")
    ros.wait(lambda: ros.value("screen", "frames") > frames + 20, "pictures again")
    assert node.said.count("the loudspeaker is gone") == 1 and node.said.count("the display is gone") == 1, "one line each"
    ros.assert_no_errors()
    assert node.stop() == 0


def probed(folder: Path, what: str, since_ns: int) -> np.ndarray:
    """(n, 2): seconds since ``since_ns``, and how bright or loud it was then."""
    rows = [line.split() for line in (folder / "probe").read_text().splitlines() if line.startswith(what + " ") and line.count(" ") == 2]
    return np.array([((int(at) - since_ns) / 1e9, float(value)) for _, at, value in rows if int(at) > since_ns])


def lag_seconds(shown: np.ndarray, heard: np.ndarray) -> float:
    """How much later than the loudness of the sound the brightness of the picture is, from their correlation; infinite where the machine
    stood still for most of it."""
    end = min(shown[-1, 0], heard[-1, 0])
    grid = np.arange(0.5, end - 0.3, 0.005)
    loud = np.interp(grid, heard[:, 0] + 0.01, heard[:, 1])
    loud = np.convolve(loud, np.ones(7) / 7, "same")
    there = age(heard, grid) < 0.03
    scores = []
    lags = np.arange(-40, 41) * 0.005
    for lag in lags:
        fresh = there & (age(shown, grid + lag) < 0.05)
        if fresh.sum() < 200:
            return np.inf
        # A picture stands until the next one, and carries the loudness of the frame that begins with it.
        bright = shown[np.searchsorted(shown[:, 0], grid + lag, "right") - 1, 1]
        scores.append(np.corrcoef(bright[fresh], loud[fresh])[0, 1])
    return float(lags[int(np.argmax(scores))]) if max(scores) > 0.8 else np.inf


def age(events: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Seconds since the last event."""
    return at - events[np.clip(np.searchsorted(events[:, 0], at, "right") - 1, 0, None), 0]
