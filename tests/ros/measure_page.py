"""Measures the page of web_bridge in headless Chromium, and prints what it found as JSON. No test: figures depend on the machine.

    python tests/ros/measure_page.py                      # all of it, about seven minutes
    python tests/ros/measure_page.py --only sync          # one part: graph, sync or interrupt

All parts run the real graph with its weights and the default portrait.

graph: the launch file as it is, which speaks its sentence again and again; one viewer for ``--seconds``, then four for half a minute.
    share_of_30_fps: framesDecoded less framesDropped of getStats, of 30 a second. offset_by_browser_ms: estimatedPlayoutTimestamp of
    picture less that of sound, as the browser has it. cores: processor time by wall time, of the graph's nodes, the bridge and Chromium.
sync: pictures carry a square that is white while the media time lies within a burst (three tenths of every 0.8 s; see ``MarkedStage`` of
    doubles.py), and the voice is a loud tone just then. In the page, the frame in which the square changes (expectedDisplayTime of
    requestVideoFrameCallback) and the sample at which the tone does: as the loudspeaker asks for it (MediaStreamTrackProcessor; a line
    through the times of all blocks), later by what the loudspeaker takes (totalPlayoutDelay of getStats). An AudioWorklet will not do: the
    buffer before Web Audio holds the sound back by 36 to 56 ms, which nobody hears who listens to the page. Checked with Chromium on a
    virtual display and sound device, of which both outputs were recorded: the picture's time is 5 ms early, the sound's within 2 (medians).
    A burst counts only if both were whole, as long as it must be. Then its first edges are the same instant of media time, and nothing
    else lies within 400 ms of it. What was damaged is counted, not paired. What screen and loudspeaker add beyond is not in it.
interrupt: a second square says how wide the mouth is open, a third whether the motion is idle. While the avatar speaks, the button of
    the page is pressed: until the first picture of the motion that closes the mouth, and until the mouth is open by less than a quarter
    of what it was.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import soundfile
from browser import Viewer, chromium, start_bridge
from doubles import BURST_NS, BURST_PERIOD_NS, SQUARE
from ros_graph import Graph, graph

from visavis.launcher import Launcher

ROOT = Path(__file__).parents[2]
SPEECH = ROOT / "src/visavis/assets/speech/default.flac"
GRAPH_NODES = ("motion_diffusion", "control_render", "video_generation")
INTERRUPTIONS = 20
LENGTH_ERROR_MS = {"picture": 50.0, "sound": 25.0}
FAR_MS = 400.0
WATCH_CONTENT = """async (square) => {
  const media = visavis.media, video = media.video;
  const frames = window.frames_seen = [], edges = window.edges = [], clocks = window.clocks = [];
  const ink = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const look = (now, frame) => {
    ink.drawImage(video, 0, 0, 3 * square, square, 0, 0, 24, 8);
    const pixels = ink.getImageData(0, 4, 24, 1).data;
    frames.push([frame.expectedDisplayTime, pixels[4 * 4], pixels[12 * 4], pixels[20 * 4]]);
    video.requestVideoFrameCallback(look);
  };
  video.requestVideoFrameCallback(look);
  const track = media.peer.getReceivers().find((one) => one.track.kind === "audio").track;
  const blocks = new MediaStreamTrackProcessor({ track, maxBufferSize: 1000 }).readable.getReader();
  let [count, quiet, begun, last] = [0, 1e9, 0, 0];
  const listen = async () => {
    const { value, done } = await blocks.read();
    if (done) return;
    const samples = new Float32Array(value.numberOfFrames);
    value.copyTo(samples, { planeIndex: 0, format: "f32-planar" });
    clocks.push([count, value.timestamp / 1000]);
    window.sample_rate = value.sampleRate;
    for (const sample of samples) {
      if (Math.abs(sample) > 0.12) {
        if (quiet > 2400) begun = count;
        quiet = 0;
        last = count;
      } else if (++quiet === 2400) edges.push([begun, last]);
      count += 1;
    }
    value.close();
    listen();
  };
  listen();
}"""

PLAYED = """async () => {
  const reports = [...(await visavis.media.peer.getStats()).values()];
  const { totalPlayoutDelay, totalSamplesCount } = reports.find((one) => one.type === "media-playout");
  return [totalPlayoutDelay, totalSamplesCount];
}"""
"""Seconds by which samples came out of the loudspeaker later than they were asked for, summed up, and how many these were."""

MOUTH_OPEN = "frames_seen.length > 0 && frames_seen.at(-1)[2] > 90 && frames_seen.at(-1)[3] < 128"
PRESS = """() => {
  const now = performance.now();
  document.getElementById("interrupt").click();
  return [now, frames_seen.at(-1)[2]];
}"""


class Busy:
    """Processor seconds of groups of processes since it was made. A process that ends takes its share with it, which is told."""

    def __init__(self, **groups: list[psutil.Process]) -> None:
        self._groups = groups
        self._at = time.monotonic()
        self._before = self._used()

    def cores(self) -> dict[str, float]:
        wall, now = time.monotonic() - self._at, self._used()
        return {f"{name}_cores": round((now[name] - self._before[name]) / wall, 3) for name in now}

    def _used(self) -> dict[str, float]:
        found = dict.fromkeys(self._groups, 0.0)
        for name, processes in self._groups.items():
            for process in processes:
                try:
                    times = process.cpu_times()
                    found[name] += times.user + times.system
                except psutil.NoSuchProcess:
                    print(f"a process of the {name} ended while it was measured", file=sys.stderr)
        return found


def own_processes(*words: str) -> list[psutil.Process]:
    """Processes that descend from this one and whose command has one of the words in it."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if any(word in part for part in process.cmdline() for word in words):
                found.append(process)
        except psutil.Error:
            continue
    return found


def percentiles(values: list[float]) -> dict[str, float]:
    return {f"p{p}": round(float(np.percentile(values, p)), 1) for p in (0, 1, 50, 99, 100)} | {"n": len(values)} if values else {"n": 0}


def watch(ros: Graph, viewers: list[Viewer], seconds: float, bridge: psutil.Process) -> dict[str, Any]:
    """What each viewer sees for so long, and what it costs."""
    counted = ("frames", "drops", "repeated")
    graph_before = {name: ros.present("video_generation", name) for name in counted}
    busy = Busy(graph=own_processes(*GRAPH_NODES, "audio_capture"), bridge=[bridge], browser=own_processes("chrom"))
    begun = [(viewer.ask("visavis.media.stats()"), time.monotonic()) for viewer in viewers]
    at, offsets = time.monotonic(), []
    while time.monotonic() - at < seconds:
        ros.spin(0.25)
        if (offset := viewers[0].ask("visavis.media.stats().then((stats) => stats?.offset ?? null)")) is not None:
            offsets.append(offset)
    ended = [(viewer.ask("visavis.media.stats()"), time.monotonic()) for viewer in viewers]
    used, wall = busy.cores(), time.monotonic() - at
    shown = [
        {
            "decoded": after["shown"] - before["shown"],
            "dropped": after["dropped"] - before["dropped"],
            "share_of_30_fps": round((after["shown"] - before["shown"] - after["dropped"] + before["dropped"]) / (30 * (end - start)), 4),
            "freezes": after["frozen"] - before["frozen"],
            "packets_lost": after["lost"] - before["lost"],
            "megabits_a_second": round((after["bytes"] - before["bytes"]) * 8e-6 / (end - start), 2),
            "first_picture_ms": round(viewer.ask("visavis.media.firstPictureMs"), 0),
        }
        for viewer, (before, start), (after, end) in zip(viewers, begun, ended, strict=True)
    ]
    graph_after = {name: ros.present("video_generation", name) - graph_before[name] for name in counted}
    return {
        "seconds": round(wall, 1),
        "viewers": shown,
        "graph": graph_after | {"fps": round(graph_after["frames"] / (time.monotonic() - at), 2)},
        "offset_by_browser_ms": percentiles(offsets),
        **used,
    }


def measure_graph(seconds: float, folder: Path) -> dict[str, Any]:
    """The launch file, the default portrait and its sentence again and again."""
    found: dict[str, Any] = {}
    with graph(folder) as ros:
        parameters = folder / "parameters.yaml"
        shipped = (ROOT / "config/avatar.yaml").read_text()
        looped = shipped.replace("loop: false", "loop: true").replace("wait_for: [audio, motion, control]", "wait_for: [audio]")
        assert looped.count("loop: true") == looped.count("wait_for: [audio]") == 1, "config/avatar.yaml is no longer what it was"
        parameters.write_text(looped)
        launcher = Launcher("avatar", {"source": "file", "audio": str(SPEECH), "params_file": str(parameters)}, env=ros.env)
        launcher.start()
        try:
            ros.wait(lambda: ros.state("video_generation") == "active", "the graph")
            process, url = start_bridge(ros, 0)
            bridge = psutil.Process(process.process.pid)
            with chromium(folder) as browser:
                viewers = [Viewer(ros, browser, url)]
                viewers[0].wait_live()
                ros.spin(5.0)
                found["one_viewer"] = watch(ros, viewers, seconds, bridge)
                viewers += [Viewer(ros, browser, url) for _ in range(3)]
                for viewer in viewers:
                    viewer.wait_live()
                ros.spin(5.0)
                found["four_viewers"] = watch(ros, viewers, min(30.0, seconds), bridge)
        finally:
            launcher.stop()
    return found


def start_marked(ros: Graph) -> str:
    """The real nodes, whose pictures are marked, and the bridge; the page's address."""
    for name in GRAPH_NODES[:2]:
        ros.run([sys.executable, "-m", f"visavis.nodes.{name}", "--ros-args", "-p", "autostart:=true"])
    ros.start("marked_video_generation")
    for name in GRAPH_NODES:
        ros.wait(lambda name=name: ros.state(name) == "active", f"{name} to be active")
    return start_bridge(ros, 0)[1]


def whole(edges: list[tuple[float, float]], expected_ms: float, error_ms: float) -> list[float]:
    """First edges (ms) of the bursts that are as long as they must be."""
    return [begin for begin, end in edges if abs(end - begin - expected_ms) <= error_ms]


def pair(pictures: list[float], sounds: list[float]) -> list[float]:
    """How much later (ms) the picture of each burst comes than its sound, where either has exactly one partner nearby."""
    found = []
    for at in pictures:
        near = [sound for sound in sounds if abs(at - sound) < FAR_MS]
        if len(near) == 1 and sum(abs(other - near[0]) < FAR_MS for other in pictures) == 1:
            found.append(at - near[0])
    return found


def white_spans(frames: list[list[float]]) -> list[tuple[float, float]]:
    """From the first picture with a white square to the first without (ms)."""
    spans, begun = [], None
    for (_, before, _, _), (at, now, _, _) in pairwise(frames):
        if before < 128 <= now:
            begun = at
        elif before >= 128 > now and begun is not None:
            spans.append((begun, at))
            begun = None
    return spans


def measure_sync(seconds: float, folder: Path) -> dict[str, Any]:
    with graph(folder) as ros:
        url = start_marked(ros)
        with chromium(folder, bypass_csp=True) as browser:
            viewer = Viewer(ros, browser, url)
            viewer.wait_live()
            viewer.page.evaluate(WATCH_CONTENT, SQUARE)
            ros.spin(10.0)
            before = viewer.ask(PLAYED)
            start_ns = -(-time.time_ns() // BURST_PERIOD_NS) * BURST_PERIOD_NS
            times_ns = np.arange(int(seconds * 16_000)) * 62_500
            tone = 12_000 * np.sin(2 * np.pi * 400 * times_ns / 1e9)
            bursts = (tone * (times_ns % BURST_PERIOD_NS < BURST_NS)).astype(np.int16)
            ros.speak(bursts, stamp_ns=start_ns, subscribers=2)
            ros.spin(2.0)
            frames, edges, clocks = (viewer.ask(name) for name in ("frames_seen", "edges", "clocks"))
            delay, samples = np.subtract(viewer.ask(PLAYED), before)
            held = viewer.ask("visavis.media.sync.held")
    drift, origin = np.polyfit(*np.array(clocks).T, 1)
    residual = np.array(clocks)[:, 1] - (drift * np.array(clocks)[:, 0] + origin)
    played_ms = 1e3 * delay / samples
    origin += played_ms
    spans = {"picture": white_spans(frames), "sound": [(drift * one + origin, drift * other + origin) for one, other in edges]}
    intact = {name: whole(found, BURST_NS / 1e6, LENGTH_ERROR_MS[name]) for name, found in spans.items()}
    offsets = pair(intact["picture"], intact["sound"])
    return {
        "offset_by_content_ms": percentiles(offsets)
        | {"least": round(min(offsets, default=0), 1), "most": round(max(offsets, default=0), 1)},
        "share_within_40_ms": round(float(np.mean(np.abs(offsets) <= 40)), 4) if offsets else None,
        "bursts": int(seconds * 1e9 // BURST_PERIOD_NS),
        "damaged": {name: len(spans[name]) - len(intact[name]) for name in spans},
        "held_back_ms": dict(zip(("sound", "picture"), held, strict=True)),
        "loudspeaker_ms": round(played_ms, 1),
        "clock_residual_ms": percentiles(list(residual)),
    }


def measure_interrupt(folder: Path) -> dict[str, Any]:
    with graph(folder) as ros:
        url = start_marked(ros)
        speech = soundfile.read(SPEECH, dtype="int16")[0]
        with chromium(folder, bypass_csp=True) as browser:
            viewer = Viewer(ros, browser, url)
            viewer.wait_live()
            viewer.page.evaluate(WATCH_CONTENT, SQUARE)
            closing, shut, missed = [], [], 0
            for number in range(INTERRUPTIONS):
                # Three seconds and a bit are published ahead of their time, so that much is queued which must not be heard.
                ros.speak(speech[: 16_000 * 8], utterance_id=10 + number, pace=3.0, subscribers=2, end=False)
                viewer.ask("() => { frames_seen.length = 0; }")
                try:
                    ros.wait(lambda: viewer.ask(MOUTH_OPEN), "an open mouth", 10.0)
                except AssertionError:
                    missed += 1
                    continue
                pressed, open_by = viewer.ask(PRESS)
                viewer.wait(lambda: viewer.ask("frames_seen.at(-1)[3] >= 128 && frames_seen.at(-1)[2] < 20"), "a shut mouth")
                after = [frame for frame in viewer.ask("frames_seen") if frame[0] > pressed]
                closing.append(next(at for at, _, _, idle in after if idle >= 128) - pressed)
                shut.append(next(at for at, _, gap, idle in after if idle >= 128 and gap < open_by / 4) - pressed)
                ros.spin(1.0)
        return {"interrupt_to_closing_ms": percentiles(closing), "interrupt_to_shut_ms": percentiles(shut), "mouth_never_open": missed}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--only", choices=("graph", "sync", "interrupt"))
    args = parser.parse_args()
    found: dict[str, Any] = {"load_before": os.getloadavg()[0]}
    with tempfile.TemporaryDirectory() as folder:
        if args.only in (None, "graph"):
            found |= measure_graph(args.seconds, Path(folder))
        if args.only in (None, "sync"):
            found |= measure_sync(args.seconds, Path(folder))
        if args.only in (None, "interrupt"):
            found |= measure_interrupt(Path(folder))
    print(json.dumps(found | {"load_after": os.getloadavg()[0]}, indent=1))


if __name__ == "__main__":
    main()
