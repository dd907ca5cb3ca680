"""Measures the page of web_bridge in headless Chromium, and prints what it found as JSON. No test: figures depend on the machine.

    python tests/ros/measure_page.py --seconds 120            # the real graph
    python tests/ros/measure_page.py --seconds 30 --only sync # with the small stages of doubles.py, which flash when they speak

* pictures: share of 30 a second that the browser decoded and did not drop (framesDecoded - framesDropped of getStats).
* offset by the browser: estimatedPlayoutTimestamp of picture less that of sound, four times a second, in whole milliseconds. The picture's
  steps from frame to frame, so a spread of 33 ms is in the nature of it.
* offset by content: doubles.py shows a bright picture while the voice is loud. In the page, the frame in which it becomes bright
  (expectedDisplayTime of requestVideoFrameCallback) less the sample at which it becomes loud (an AudioWorklet on the same stream, put on
  the same clock by getOutputTimestamp). Quantised to a frame; what the screen and the loudspeaker add is not in it.
* cores: processor time of the bridge's process, and of all of Chromium's, by the wall time.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from browser import Viewer, chromium, start_bridge
from ros_graph import Graph, graph

from visavis.launcher import Launcher

WATCH_CONTENT = """async () => {
  const media = visavis.media, video = media.video;
  const bright = window.bright = [], loud = window.loud = [];
  const ink = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  let was = false;
  const look = (now, frame) => {
    ink.drawImage(video, 256, 384, 8, 8, 0, 0, 8, 8);
    const is = ink.getImageData(4, 4, 1, 1).data[0] > 40;
    if (is !== was) bright.push([frame.expectedDisplayTime, is]);
    was = is;
    video.requestVideoFrameCallback(look);
  };
  video.requestVideoFrameCallback(look);
  const context = window.measuring = new AudioContext({ sampleRate: 48000 });
  const code = `registerProcessor("onset", class extends AudioWorkletProcessor {
    constructor() { super(); this.quiet = 0; this.loud = false; }
    process([[samples]]) {
      if (samples) for (let i = 0; i < samples.length; i++) {
        if (Math.abs(samples[i]) > 0.12) {
          if (!this.loud) this.port.postMessage((currentFrame + i) / sampleRate);
          this.loud = true;
          this.quiet = 0;
        } else if (++this.quiet > 4800) this.loud = false;
      }
      return true;
    }
  });`;
  await context.audioWorklet.addModule("data:text/javascript," + encodeURIComponent(code));
  const node = new AudioWorkletNode(context, "onset", { numberOfOutputs: 0 });
  node.port.onmessage = ({ data }) => {
    const { contextTime, performanceTime } = context.getOutputTimestamp();
    loud.push(performanceTime + (data - contextTime) * 1000);
  };
  context.createMediaStreamSource(video.srcObject).connect(node);
  await context.resume();
}"""


def cores(processes: list[psutil.Process], seconds: float, spin: Any) -> float:
    """Mean number of cores that these processes were busy on."""

    def used() -> float:
        total = 0.0
        for process in processes:
            try:
                times = process.cpu_times()
                total += times.user + times.system
            except psutil.NoSuchProcess:
                pass
        return total

    begun, at = used(), time.monotonic()
    spin(seconds)
    return (used() - begun) / (time.monotonic() - at)


def percentiles(values: list[float]) -> dict[str, float]:
    return {f"p{p}": round(float(np.percentile(values, p)), 1) for p in (1, 50, 99)} | {"n": len(values)} if values else {"n": 0}


def watch(ros: Graph, viewer: Viewer, seconds: float, bridge: psutil.Process) -> dict[str, Any]:
    """What one viewer sees for so long."""
    browser = [process for process in psutil.process_iter(["name"]) if "chrom" in (process.info["name"] or "")]
    own = [process for process in browser if any(parent.pid == os.getpid() for parent in process.parents())]
    begun, at, offsets = viewer.ask("visavis.media.stats()"), time.monotonic(), []

    def look(until: float) -> None:
        end = time.monotonic() + until
        while time.monotonic() < end:
            ros.spin(0.25)
            if (offset := viewer.stats("offset")) is not None:
                offsets.append(offset)

    wall = [0.0]
    bridge_cores = cores([bridge], 0, lambda _: None)
    times = bridge.cpu_times()
    browser_cores = cores(own, seconds, look)
    after = bridge.cpu_times()
    ended = viewer.ask("visavis.media.stats()")
    wall[0] = time.monotonic() - at
    bridge_cores = (after.user + after.system - times.user - times.system) / wall[0]
    decoded = ended["shown"] - begun["shown"]
    dropped = ended["dropped"] - begun["dropped"]
    return {
        "seconds": round(wall[0], 1),
        "decoded": decoded,
        "dropped": dropped,
        "share_of_30_fps": round((decoded - dropped) / (30 * wall[0]), 4),
        "freezes": ended["frozen"] - begun["frozen"],
        "packets_lost": ended["lost"] - begun["lost"],
        "megabits_a_second": round((ended["bytes"] - begun["bytes"]) * 8e-6 / wall[0], 2),
        "first_picture_ms": round(viewer.ask("visavis.media.firstPictureMs"), 0),
        "offset_by_browser_ms": percentiles(offsets),
        "bridge_cores": round(bridge_cores, 3),
        "browser_cores": round(browser_cores, 3),
    }


def measure_graph(seconds: float, folder: Path) -> dict[str, Any]:
    """The real graph, the default portrait and its sentence again and again."""
    found: dict[str, Any] = {}
    with graph(folder) as ros:
        speech = Path(__file__).parents[2] / "src/visavis/assets/speech/default.flac"
        parameters = folder / "parameters.yaml"
        shipped = (Path(__file__).parents[2] / "config/avatar.yaml").read_text()
        parameters.write_text(
            shipped.replace("loop: false", "loop: true").replace("wait_for: [audio, motion, control]", "wait_for: [audio]")
        )
        launcher = Launcher("avatar", {"source": "file", "audio": str(speech), "params_file": str(parameters)}, env=ros.env)
        launcher.start()
        try:
            ros.wait(lambda: ros.state("video_generation") == "active", "the graph")
            process, url = start_bridge(ros, 0)
            bridge = psutil.Process(process.process.pid)
            with chromium(folder) as browser:
                viewer = Viewer(ros, browser, url)
                viewer.wait_live()
                ros.spin(5.0)
                before = {name: ros.value("video_generation", name) for name in ("frames", "drops", "repeated")}
                found["one_viewer"] = watch(ros, viewer, seconds, bridge)
                found["graph"] = {name: ros.value("video_generation", name) - before[name] for name in before}
                others = [Viewer(ros, browser, url) for _ in range(3)]
                for other in others:
                    other.wait_live()
                found["four_viewers"] = watch(ros, viewer, min(30.0, seconds), bridge)
        finally:
            launcher.stop()
    return found


def measure_sync(seconds: float, folder: Path) -> dict[str, Any]:
    """Doubles: bursts of loud voice every second, then interruptions by the button."""
    with graph(folder) as ros:
        ros.start_avatar()
        _, url = start_bridge(ros, 0)
        with chromium(folder, bypass_csp=True) as browser:
            viewer = Viewer(ros, browser, url)
            viewer.wait_live()
            viewer.page.evaluate(WATCH_CONTENT)
            ros.spin(3.0)
            time_s = np.arange(int(seconds * 16_000)) / 16_000
            bursts = (12_000 * np.sin(2 * np.pi * 400 * time_s) * (time_s % 1.0 < 0.3)).astype(np.int16)
            ros.speak(bursts, subscribers=2)
            ros.spin(2.0)
            bright = [at for at, is_bright in viewer.ask("bright") if is_bright]
            loud = viewer.ask("loud")
            offsets = [at - sound for at in bright for sound in loud if abs(at - sound) < 400]
            waits = []
            for number in range(8):
                ros.speak(np.full(16_000 * 6, 12_000, np.int16), utterance_id=10 + number, pace=20.0, subscribers=2, end=False)
                viewer.wait(lambda: viewer.brightness > 60, "a loud picture")
                viewer.ask(
                    "() => { window.bright.length = 0; window.pressed = performance.now(); document.getElementById('interrupt').click(); }"
                )
                viewer.wait(lambda: any(not is_bright for _, is_bright in viewer.ask("bright")), "a quiet one")
                waits.append(viewer.ask("bright.find(([, is]) => !is)[0] - pressed"))
                ros.spin(1.0)
        return {"offset_by_content_ms": percentiles(offsets), "bursts": int(seconds), "interrupt_to_quiet_picture_ms": percentiles(waits)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--only", choices=("graph", "sync"))
    args = parser.parse_args()
    found: dict[str, Any] = {"load_before": os.getloadavg()[0]}
    with tempfile.TemporaryDirectory() as folder:
        if args.only != "sync":
            found |= measure_graph(args.seconds, Path(folder))
        if args.only != "graph":
            found |= measure_sync(min(args.seconds, 40.0), Path(folder))
    print(json.dumps(found | {"load_after": os.getloadavg()[0]}, indent=1))


if __name__ == "__main__":
    main()
