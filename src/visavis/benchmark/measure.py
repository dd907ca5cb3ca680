"""Runs the avatar's graph on a sound file that is played again and again, and measures it while it runs."""

import os
import platform
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from visavis.benchmark.figures import Arrivals, first_frames_ms, missing_frames, percentiles, repeated_frames
from visavis.benchmark.graph import Graph, GraphError, isolated_domain, parameters_file
from visavis.benchmark.probe import NodeReport, Probe, drops_between
from visavis.timing import NANOSECONDS

START_SECONDS = 180.0
"""A graph that shows nothing for so long will not: fitting a portrait for the first time takes some 20 s."""

WARM_UP_SECONDS = 5.0
"""Of speech, not measured: caches fill, code is compiled, the clock of the processor settles."""

STAGES = {"audio_capture": "audio", "motion_diffusion": "motion", "control_render": "control", "video_generation": "image_raw"}
"""Node -> the topic by which its latency is measured."""


@dataclass(frozen=True)
class Live:
    """How it stands while the graph runs.

    seconds: since the measurement began, negative while it warms up. fps: pictures in the last second. missing: pictures so far.
    """

    seconds: float
    fps: float
    missing: int
    reports: dict[str, NodeReport]


def measure(
    portrait: Path,
    audio: Path,
    seconds: float,
    log: Path,
    on_live: Callable[[Live], None] = lambda _live: None,
    portrait_cache: Path | None = None,
) -> dict[str, Any]:
    """Start the graph, let it warm up, measure ``seconds`` of it and stop it. GraphError where it does not run.

    Latencies are from the media stamp (when a sound was spoken) to the arrival of the message in another process, so those of pictures
    include the playout delay that the graph keeps on purpose. ``first_frame_ms`` is the median over the utterances, from the publication
    of the first audio chunk to the arrival of the first picture that shows it. ``portrait_cache``: folder of fitted portraits, the user's
    by default; an empty one measures a first start.
    """
    load_before = os.getloadavg()
    with tempfile.TemporaryDirectory(prefix="visavis_bench_") as folder, isolated_domain():
        changes: dict[str, dict[str, Any]] = {
            "audio_capture": {"loop": True, "wait_for": ["audio", "motion", "control", "image_raw"], "wait_timeout": 0.0}
        }
        if portrait_cache is not None:
            for node in ("control_render", "video_generation"):
                changes[node] = {"portrait_cache": str(portrait_cache.resolve())}
        params = parameters_file(Path(folder) / "avatar.yaml", changes)
        arguments = {"portrait": str(portrait.resolve()), "source": "file", "audio": str(audio.resolve()), "params_file": str(params)}
        with Probe(tuple(STAGES.values())) as probe, Graph("avatar", arguments, log) as graph:
            wait_for_pictures(graph, probe, "image_raw", START_SECONDS)
            startup_ms = (probe.arrivals["image_raw"].arrived[0] - graph.started_ns) / 1e6
            _wait_for_speech(graph, probe)
            _watch(graph, probe, WARM_UP_SECONDS, -WARM_UP_SECONDS, time.time_ns(), on_live)
            begin, before, at_begin = time.time_ns(), graph.usage(), probe.reports
            _watch(graph, probe, seconds, 0.0, begin, on_live)
            after, end = graph.usage(), time.time_ns()
            reports = probe.reports
        if graph.exit_status:
            raise GraphError(f"the graph did not go down well, its exit status was {graph.exit_status}: see {log}")
        result = summary({topic: probe.arrivals[topic] for topic in STAGES.values()}, begin, end)
    result["cores"] = after.cores_since(before)
    result["memory_mb"] = after.memory_mib * 2**20 / 1e6
    result["startup_ms"] = startup_ms
    result["node_drops"] = drops_between(at_begin, reports)
    result["compute_ms"] = {
        name: {"p50_ms": report.number("compute_p50_ms"), "p99_ms": report.number("compute_p99_ms")}
        for name, report in sorted(reports.items())
    }
    picture, first = reports.get("video_generation"), at_begin.get("video_generation")
    result["unrefined"] = int(picture.number("unrefined") - (first.number("unrefined") if first else 0)) if picture else 0
    result["picture_cpu_ms"] = picture.number("compute_cpu_p50_ms") if picture else float("nan")
    result["machine"] = {**describe_machine(), "load_before": load_before[0], "load_after": os.getloadavg()[0]}
    return result


def summary(arrivals: dict[str, Arrivals], begin: int, end: int) -> dict[str, Any]:
    """What the arrivals between two times (ns) say, latencies in milliseconds. ``arrivals``: of the topics in ``STAGES``."""
    within = {topic: kept.between(begin, end) for topic, kept in arrivals.items()}
    pictures = within["image_raw"]
    seconds = (end - begin) / NANOSECONDS
    starts = first_frames_ms(within["audio"], arrivals["control"], arrivals["image_raw"])
    starts = starts or first_frames_ms(arrivals["audio"], arrivals["control"], arrivals["image_raw"])
    stages = {}
    for node, topic in STAGES.items():
        figures = within[topic].latency_ms()
        stages[node] = {"p50_ms": figures["p50"], "p99_ms": figures["p99"]}
    return {
        "fps": len(pictures) / seconds,
        "frames": len(pictures),
        "dropped": missing_frames(pictures.stamps),
        "repeated": repeated_frames(pictures.stamps),
        "first_frame_ms": float(np.median(starts)) if starts else float("nan"),
        "first_frame_worst_ms": max(starts, default=float("nan")),
        "utterances": len(starts),
        "end_to_end_ms": pictures.latency_ms(),
        "picture_interval_ms": percentiles(np.diff(pictures.arrived) / 1e6),
        "stages": stages,
        "seconds": seconds,
    }


def wait_for_pictures(graph: Graph, probe: Probe, topic: str, seconds: float) -> None:
    """Return when the first picture is here; GraphError says why none came."""
    deadline = time.monotonic() + seconds
    while not len(probe.arrivals[topic]):
        graph.check()
        if probe.failure:
            raise GraphError(f"{probe.failure} (more in {graph.log})")
        if time.monotonic() > deadline:
            raise GraphError(f"no picture came within {seconds:.0f} s: see {graph.log}, and run `visavis doctor`")
        time.sleep(0.02)


def _wait_for_speech(graph: Graph, probe: Probe) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not len(probe.arrivals["audio"]):
        graph.check()
        if time.monotonic() > deadline:
            raise GraphError(f"no speech came within {START_SECONDS:.0f} s: see {graph.log}")
        time.sleep(0.02)


def _watch(graph: Graph, probe: Probe, seconds: float, offset: float, since: int, on_live: Callable[[Live], None]) -> None:
    """Let the graph run, telling every half second how it stands."""
    begin = time.monotonic()
    while (passed := time.monotonic() - begin) < seconds:
        graph.check()
        now = time.time_ns()
        pictures = probe.arrivals["image_raw"].between(since, now)
        last_second = [time_ns for time_ns in pictures.arrived[-40:] if time_ns > now - NANOSECONDS]
        on_live(Live(offset + passed, float(len(last_second)), missing_frames(pictures.stamps), probe.reports))
        time.sleep(min(0.5, max(0.0, seconds - passed)))


def describe_machine() -> dict[str, Any]:
    """Processor, cores, memory, system, and versions of what the speed depends on."""
    model = platform.processor() or "unknown"
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        model = lines[0] if lines else model
    versions = {}
    for package in ("visavis", "numpy", "numba", "onnxruntime", "ros-jazzy-rclpy", "ros-jazzy-rmw-fastrtps-cpp"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not from a wheel"
    return {
        "cpu": model,
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": versions,
    }
