"""Lets the graph say one sound file while a bag of it is recorded."""

import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from visavis.benchmark.graph import Graph, GraphError, isolated_domain, parameters_file
from visavis.benchmark.measure import START_SECONDS
from visavis.benchmark.probe import NodeReport, Probe, drops_between
from visavis.benchmark.take import TOPICS
from visavis.ros.bags import bag_counts
from visavis.timing import SAMPLE_RATE

JPEG_QUALITY = 95
LEAD_SECONDS = 2.0
"""Idle before the speech, so that the recorder has every topic and the film its half second."""

TAIL_SECONDS = 3.0
"""From the last chunk of speech to the end of the recording: the playout delay, and idle for the film's last half second."""

PLAYOUT_SECONDS = 1.0
"""From sound to picture while the film is recorded; `visavis bench` measures the graph with its own playout delay."""

MAX_LAG_SECONDS = 4.0
"""A film loses nothing by being recorded later: the graph may stand still so long, as on a busy machine, and no picture is left out."""

PATIENCE_SECONDS = 15.0
"""Without a new chunk of speech, once it has begun."""

RECORDER_GRACE = 30.0
"""Seconds for the recorder to write what it holds: a bag that is not closed must be repaired."""


@dataclass(frozen=True)
class SessionLive:
    """How it stands. phase: what is going on. spoken, seconds: seconds of speech that went out, and all of them. reports: of the nodes."""

    phase: str
    spoken: float
    seconds: float
    reports: dict[str, NodeReport]


@dataclass(frozen=True)
class Session:
    """What was recorded.

    counts: messages by topic. startup_seconds: from the start to the first chunk of speech. drops: by node, what it says it has dropped
    from when the speech began (as of its last report before that) to the end; what was dropped while the graph started is not counted.
    """

    counts: dict[str, int]
    startup_seconds: float
    drops: dict[str, int]


def record_session(
    portrait: Path, audio: Path, samples: int, bag: Path, log: Path, on_live: Callable[[SessionLive], None] = lambda _live: None
) -> Session:
    """Start graph and recorder in a domain of their own, play ``audio`` (of ``samples`` at 16 kHz) once, stop both.

    GraphError says what failed. ``bag`` must not exist. What the processes print goes to ``log`` and, of the recorder, to the same name
    with ``.recorder``.
    """
    seconds = samples / SAMPLE_RATE
    changes: dict[str, dict[str, Any]] = {
        "audio_capture": {
            "wait_for": ["audio", "motion", "control", "image_raw/compressed"],
            "wait_timeout": 0.0,
            "start_delay": LEAD_SECONDS,
            "max_lag": MAX_LAG_SECONDS,
        },
        "motion_diffusion": {"max_lag": MAX_LAG_SECONDS, "idle_after": MAX_LAG_SECONDS},
        "video_generation": {"jpeg_quality": JPEG_QUALITY, "render_ahead": 15, "late_limit": MAX_LAG_SECONDS, "relief": False},
    }
    with tempfile.TemporaryDirectory(prefix="visavis_demo_") as folder, isolated_domain():
        params = parameters_file(Path(folder) / "avatar.yaml", changes)
        arguments = {
            "portrait": str(portrait.resolve()),
            "source": "file",
            "audio": str(audio.resolve()),
            "params_file": str(params),
            "playout_delay": str(PLAYOUT_SECONDS),
        }
        wanted = {"output": str(bag.resolve()), "topics": f"[{', '.join(TOPICS)}]"}
        with Probe(("audio",)) as probe, Graph("avatar", arguments, log) as graph:
            with Graph("record", wanted, log.with_suffix(".recorder.log"), respawn=False, grace=RECORDER_GRACE) as recorder:
                at_begin = _until_spoken(graph, recorder, probe, samples, on_live)
                _pause(graph, recorder, TAIL_SECONDS, lambda: on_live(SessionLive("ending", seconds, seconds, probe.reports)))
                drops = drops_between(at_begin, probe.reports)
            if recorder.exit_status:
                raise GraphError(f"the recorder failed: {recorder.last_lines('recorder')} (all of it in {recorder.log})")
        if graph.exit_status:
            raise GraphError(f"the graph did not go down well, its exit status was {graph.exit_status}: see {log}")
        startup = (probe.arrivals["audio"].arrived[0] - graph.started_ns) / 1e9
    return Session(bag_counts(bag), startup, drops)


def _until_spoken(
    graph: Graph, recorder: Graph, probe: Probe, samples: int, on_live: Callable[[SessionLive], None]
) -> dict[str, NodeReport]:
    """Return when the last chunk of the speech has gone by, with what the nodes had reported when it began."""
    heard = probe.arrivals["audio"]
    begin = moved = time.monotonic()
    seen = 0
    at_begin: dict[str, NodeReport] = {}
    while True:
        graph.check()
        recorder.check()
        if probe.failure:
            raise GraphError(f"{probe.failure} (more in {graph.log})")
        now = time.monotonic()
        if len(heard) > seen:
            at_begin = at_begin if seen else probe.reports
            seen, moved = len(heard), now
        if not seen and now - begin > START_SECONDS:
            raise GraphError(f"the speech has not begun after {START_SECONDS:.0f} s: see {graph.log}, and run `visavis doctor`")
        if seen and len(set(heard.utterances)) > 1:
            raise GraphError(f"the machine stood still for more than {MAX_LAG_SECONDS:.0f} s, which broke the speech: try again")
        if seen and now - moved > PATIENCE_SECONDS:
            raise GraphError(f"the speech has stopped after {heard.indices[-1] / SAMPLE_RATE:.1f} s: see {graph.log}")
        spoken = heard.indices[-1] if seen else 0
        on_live(SessionLive("speaking" if seen else "starting", spoken / SAMPLE_RATE, samples / SAMPLE_RATE, probe.reports))
        if seen and spoken + _chunk_samples(heard.indices) >= samples:
            return at_begin
        time.sleep(0.1)


def _chunk_samples(indices: list[int]) -> int:
    """Length of the chunks, from the distance of the last two."""
    return indices[-1] - indices[-2] if len(indices) > 1 else 0


def _pause(graph: Graph, recorder: Graph, seconds: float, tell: Callable[[], None]) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        graph.check()
        recorder.check()
        tell()
        time.sleep(0.1)


def remove_bag(bag: Path) -> None:
    """Remove a bag of an earlier run; GraphError for a folder that is none, so that nothing else is ever deleted."""
    if not bag.exists():
        return
    inside = {path.suffix for path in bag.iterdir()} if bag.is_dir() else {"file"}
    if not inside <= {".yaml", ".mcap", ".db3", ".db3-wal", ".db3-shm"}:
        raise GraphError(f"{bag} is in the way and is not a bag: move it, or name another folder with --out")
    shutil.rmtree(bag)
