"""Two machines on this one: network namespaces that hear each other only through a wire which this process is, with delay and loss.

    python tests/ros/two_machines.py [--loss 0.01] [--delay 0.02] [--seconds 20] [--profile config/fastdds_network.xml]

runs the real graph on one, the voice and the screen's topics on the other, and says what arrived and what it took.
"""

import argparse
import fcntl
import heapq
import json
import os
import random
import select
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
ADDRESSES = ("10.213.7.1", "10.213.7.2")


class TwoMachines:
    """``names`` of the namespaces. delay (seconds) and loss (0 to 1) hold for each way. Needs root; OSError or CalledProcessError without.

    carried: bytes by the machine that sent them. lost: packets. Use as a context manager.
    """

    def __init__(self, delay: float, loss: float, seed: int = 0) -> None:
        self.delay, self.loss = delay, loss
        self.names = tuple(f"vv{os.getpid()}{side}" for side in "ab")
        self.carried: Counter[int] = Counter()
        self.lost = 0
        self._draw = random.Random(seed)
        self._ends: list[int] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._carry, daemon=True)

    def __enter__(self) -> "TwoMachines":
        try:
            for name, address, other in zip(self.names, ADDRESSES, ADDRESSES[::-1], strict=True):
                _run("ip", "netns", "add", name)
                (Path("/dev/shm") / name).mkdir()
                end = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
                self._ends.append(end)
                fcntl.ioctl(end, TUNSETIFF, struct.pack("16sH22s", name.encode(), IFF_TUN | IFF_NO_PI, b""))
                _run("ip", "link", "set", name, "netns", name)
                _run("ip", "-n", name, "address", "add", address, "peer", other, "dev", name)
                _run("ip", "-n", name, "link", "set", name, "up", "txqueuelen", "5000")
                _run("ip", "-n", name, "link", "set", "lo", "up")
        except BaseException:
            self._end()
            raise
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stop.set()
        self._thread.join()
        self._end()

    def environment(self, side: int, domain: int, profile: Path, server: bool = False) -> dict[str, str]:
        """For a process on one of the machines, which knows the other by its address, or the discovery server on the first one: no
        multicast is needed."""
        found = dict(os.environ) | {
            "ROS_DOMAIN_ID": str(domain), "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST", "ROS_STATIC_PEERS": ADDRESSES[1 - side],
            "FASTRTPS_DEFAULT_PROFILES_FILE": str(profile), "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1",
        }  # fmt: skip
        if server:
            del found["ROS_STATIC_PEERS"]
            found["ROS_DISCOVERY_SERVER"] = f"{ADDRESSES[0]}:11811"
        return found

    def command(self, side: int, *command: str) -> list[str]:
        """The command, on that machine, with a /dev/shm of its own as another machine has it."""
        own = 'mount --bind "$0" /dev/shm && exec "$@"'
        return ["ip", "netns", "exec", self.names[side], "sh", "-c", own, str(self._memory(side)), *command]

    def _memory(self, side: int) -> Path:
        return Path("/dev/shm") / self.names[side]

    def _carry(self) -> None:
        waiting: list[tuple[float, int, int, bytes]] = []
        count = 0
        while not self._stop.is_set():
            timeout = min(0.1, max(0.0, waiting[0][0] - time.monotonic())) if waiting else 0.1
            ready, _, _ = select.select(self._ends, [], [], timeout)
            now = time.monotonic()
            for end in ready:
                side = self._ends.index(end)
                for _ in range(64):
                    try:
                        packet = os.read(end, 65536)
                    except BlockingIOError:
                        break
                    self.carried[side] += len(packet)
                    if self._draw.random() < self.loss:
                        self.lost += 1
                        continue
                    count += 1
                    heapq.heappush(waiting, (now + self.delay, count, 1 - side, packet))
            while waiting and waiting[0][0] <= now:
                _, _, side, packet = heapq.heappop(waiting)
                try:
                    os.write(self._ends[side], packet)
                except OSError:  # its queue is full, or it is gone
                    self.lost += 1

    def _end(self) -> None:
        for end in self._ends:
            os.close(end)
        for side, name in enumerate(self.names):
            shutil.rmtree(self._memory(side), ignore_errors=True)
            subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL, check=False)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


LISTENER = """
import json, sys, time
from visavis.benchmark.probe import Probe
topics, seconds = tuple(sys.argv[2].split(",")), float(sys.argv[3])
with Probe(topics) as probe:
    end = time.monotonic() + 80
    while not all(len(probe.arrivals[topic]) > 30 for topic in topics) and time.monotonic() < end:
        time.sleep(0.1)
    begun = time.time_ns()
    print("arriving", flush=True)
    time.sleep(seconds)
    found = {topic: probe.arrivals[topic].between(begun, time.time_ns()) for topic in topics}
    result = {topic: {"stamps": one.stamps, "arrived": one.arrived} for topic, one in found.items()}
    result["reports"] = {name: report.values for name, report in probe.reports.items()}
open(sys.argv[1], "w").write(json.dumps(result))
"""
"""What arrives on the other machine for some seconds."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loss", type=float, default=0.01)
    parser.add_argument("--delay", type=float, default=0.02)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--profile", type=Path, default=ROOT / "config" / "fastdds_network.xml")
    parser.add_argument("--topics", default="image_raw/compressed,audio_out")
    parser.add_argument("--h264", action="store_true", help="with the video encoder; see --topics")
    parser.add_argument("--server", action="store_true", help="the machines know a discovery server, not each other")
    arguments = parser.parse_args()
    from visavis.cli.defaults import default_speech

    with TwoMachines(arguments.delay, arguments.loss) as machines, tempfile.TemporaryDirectory() as folder:
        python, result = sys.executable, Path(folder) / "result"
        environments = [machines.environment(side, 71, arguments.profile, arguments.server) for side in (0, 1)]
        launch = [
            "-m",
            "visavis.cli.main",
            "launch",
            "avatar",
            "source:=topic",
            f"transport:={arguments.profile}",
            f"h264:={str(arguments.h264).lower()}",
        ]
        voice = ["-m", "visavis.nodes.audio_capture", "--ros-args", "-p", "autostart:=true", "-p", "source:=file", "-p", "loop:=true"]
        server = ["-m", "visavis.cli.main", "discovery", "--address", ADDRESSES[0]]
        servers = [subprocess.Popen(machines.command(0, python, *server), env=environments[0])] if arguments.server else []
        graph = subprocess.Popen(machines.command(0, python, *launch), env=environments[0])
        voice = subprocess.Popen(machines.command(1, python, *voice, "-p", f"audio:={default_speech()}"), env=environments[1])
        listener = subprocess.Popen(
            machines.command(1, python, "-c", LISTENER, str(result), arguments.topics, str(arguments.seconds)),
            env=environments[1], stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            assert listener.stdout is not None
            print(listener.stdout.readline().strip() or "nothing arrives")
            before, begun = dict(machines.carried), time.monotonic()
            listener.wait()
            seconds = time.monotonic() - begun
            for side, what in enumerate(("to the screen", "to the models")):
                print(f"{what}: {(machines.carried[side] - before.get(side, 0)) * 8 / seconds / 1e6:.2f} Mbit/s")
            for topic, found in json.loads(result.read_text()).items():
                if topic != "reports" and len(found["stamps"]) > 1:
                    late = sorted((at - stamp) / 1e6 for at, stamp in zip(found["arrived"], found["stamps"], strict=True))
                    p50, p99 = late[len(late) // 2], late[len(late) * 99 // 100]
                    print(f"{topic}: {len(late) / seconds:.2f} a second, p50 {p50:.0f} ms, p99 {p99:.0f} ms after the stamp")
            print(f"{machines.lost} packets lost")
        finally:
            for process in (listener, voice, graph, *servers):
                process.terminate()
            for process in (listener, voice, graph, *servers):
                process.wait()


if __name__ == "__main__":
    main()
