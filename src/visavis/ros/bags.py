"""rosbag2 bags, written and read with ``rosbags`` (no ROS libraries needed): MCAP or sqlite3, with message definitions, hashes and QoS,
so that ``ros2 bag`` and others read them.

A recording that is killed (kill -9, power cut) keeps all but about its last second: MCAP chunks reach the file once a second, sqlite3
works with a write-ahead log and commits once a second. What such a bag lacks is its index and metadata.yaml; ``repair_bag`` writes them
anew (so does ``ros2 bag reindex``).
"""

import os
import queue
import sqlite3
import struct
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message
from rosbags.interfaces import (
    Connection,
    ConnectionExtRosbag2,
    Nodetype,
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2 import Reader, ReaderError, StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from visavis.ros.topics import message_class

STORAGES = {"mcap": StoragePlugin.MCAP, "sqlite3": StoragePlugin.SQLITE3}
FLUSH_SECONDS = 1.0
MAX_WAITING_BYTES = 256_000_000
MIN_FREE_BYTES = 64_000_000
"""A disk with less room than this counts as full, so that the bag can still be closed."""
FOREVER = QosTime(9223372036, 854775807)


class BagError(ValueError):
    """A bag that cannot be written or read; the text says why and what to do."""


# Writing.


@dataclass
class BagWriter:
    """Writes a bag in a thread of its own: ``write`` never waits for the disk. ``error`` says why recording ended before ``close``.

    counts: messages by topic. dropped: messages for which there was no room while the disk was slow.
    """

    path: Path
    storage: str = "mcap"
    min_free_bytes: int = MIN_FREE_BYTES
    counts: Counter[str] = field(default_factory=Counter)
    dropped: int = 0
    error: str = ""

    def __post_init__(self) -> None:
        if self.storage not in STORAGES:
            raise BagError(f'storage must be one of {", ".join(STORAGES)}, got "{self.storage}"')
        if self.path.exists():
            raise BagError(f"{self.path} exists already: choose another name, or delete it")
        self._queue: queue.SimpleQueue[tuple[str, str, Sequence[QoSProfile], int, bytes] | None] = queue.SimpleQueue()
        self._waiting_bytes = 0
        self._opened = threading.Event()
        self._thread = threading.Thread(target=self._run, name="bag writer", daemon=True)
        self._thread.start()
        self._opened.wait()
        if self.error:
            raise BagError(self.error)

    def write(self, topic: str, type_name: str, offered: Sequence[QoSProfile], time_ns: int, data: bytes) -> None:
        """Queue a serialised message. ``offered``: QoS of the topic's publishers, noted once."""
        if self.error:
            return
        if self._waiting_bytes + len(data) > MAX_WAITING_BYTES:
            self.dropped += 1
            return
        self._waiting_bytes += len(data)
        self._queue.put((topic, type_name, offered, time_ns, data))

    def close(self) -> None:
        """Write what is queued, the index and metadata.yaml."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        writer = Writer(self.path, version=9, storage_plugin=STORAGES[self.storage])
        try:
            writer.open()
            self._prepare(writer)
        except OSError as error:
            self.error = f"{self.path} cannot be made ({error.strerror or error}): choose a folder that you may write to"
            return
        finally:
            self._opened.set()
        try:
            self._write_all(writer)
        except (OSError, sqlite3.Error) as error:
            self.error = f"writing {self.path} failed ({error}): recording has ended"
        try:
            writer.close()
        except (OSError, sqlite3.Error) as error:
            why = self.error or f"closing {self.path} failed ({error})"
            self.error = f"{why}; what was written is kept: make room and run `visavis record --repair {self.path}`"

    def _write_all(self, writer: Writer) -> None:
        connections: dict[str, Connection] = {}
        flushed = time.monotonic()
        while True:
            try:
                item = self._queue.get(timeout=FLUSH_SECONDS)
            except queue.Empty:
                item = ("", "", (), 0, b"")
            if item is None:
                return
            topic, type_name, offered, time_ns, data = item
            if topic:
                self._waiting_bytes -= len(data)
                if topic not in connections:
                    connections[topic] = _connect(writer, topic, type_name, offered)
                writer.write(connections[topic], time_ns, data)
                self.counts[topic] += 1
            if time.monotonic() - flushed >= FLUSH_SECONDS:
                flushed = time.monotonic()
                self._flush(writer)
                if _free_bytes(self.path) < self.min_free_bytes:
                    raise OSError(f"less than {self.min_free_bytes / 1e6:.0f} MB of disk are free")

    def _prepare(self, writer: Writer) -> None:
        if self.storage == "sqlite3":
            connection: sqlite3.Connection = writer.storage.conn  # type: ignore[union-attr]
            connection.commit()
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")

    def _flush(self, writer: Writer) -> None:
        """Bring what rosbags holds back to the file; it would do so only with every megabyte (mcap) or at the end (sqlite3)."""
        storage: Any = writer.storage
        if self.storage == "sqlite3":
            storage.conn.commit()
            return
        if storage.chunk.bio.tell():
            storage.close_chunk()
        storage.bio.flush()


def _connect(writer: Writer, topic: str, type_name: str, offered: Sequence[QoSProfile]) -> Connection:
    store = typestore_with(type_name)
    definition, _ = store.generate_msgdef(type_name, ros_version=2)
    profiles = [_bag_qos(profile) for profile in offered]
    return writer.add_connection(topic, type_name, msgdef=definition, rihs01=store.hash_rihs01(type_name), offered_qos_profiles=profiles)


def _free_bytes(path: Path) -> int:
    disk = os.statvfs(path)
    return disk.f_bavail * disk.f_frsize


def _bag_qos(profile: QoSProfile) -> Qos:
    return Qos(
        QosHistory.KEEP_ALL if profile.history == HistoryPolicy.KEEP_ALL else QosHistory.KEEP_LAST,
        profile.depth or 10,
        QosReliability.BEST_EFFORT if profile.reliability == ReliabilityPolicy.BEST_EFFORT else QosReliability.RELIABLE,
        QosDurability.TRANSIENT_LOCAL if profile.durability == DurabilityPolicy.TRANSIENT_LOCAL else QosDurability.VOLATILE,
        FOREVER,
        FOREVER,
        QosLiveliness.AUTOMATIC,
        FOREVER,
        False,
    )


# Message definitions.


@cache
def _store() -> Typestore:
    return get_typestore(Stores.ROS2_JAZZY)


def typestore_with(type_name: str) -> Typestore:
    """rosbags' types of ROS 2 Jazzy and, from the installed packages, ``type_name`` and what it is made of. BagError if it is missing."""
    store = _store()
    if type_name not in store.fielddefs:
        package, _, short = type_name.split("/")
        prefixes = [part for part in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if part] + [sys.prefix]
        files = [Path(prefix) / "share" / package / "msg" / f"{short}.msg" for prefix in prefixes]
        found = next((path for path in files if path.is_file()), None)
        if found is None:
            raise BagError(f"the definition of {type_name} was not found in {', '.join(prefixes)}: install the package {package}")
        types = get_types_from_msg(found.read_text(), type_name)
        for _, fields in types.values():
            for _, kind in fields:
                _need(kind)
        store.register(types)
    return store


def _need(kind: Any) -> None:
    """Register the type of one field: a name, or an array or sequence of something."""
    node, argument = kind
    if node == Nodetype.NAME:
        typestore_with(argument)
    elif node in (Nodetype.ARRAY, Nodetype.SEQUENCE):
        _need(argument[0])


# Reading.


@contextmanager
def open_bag(path: Path) -> Iterator[Reader]:
    """A reader of the bag. BagError with what to do for what is no whole bag."""
    if not path.exists():
        raise BagError(f"there is no bag {path}: name the folder that holds metadata.yaml")
    if path.is_dir() and not (path / "metadata.yaml").exists():
        if _storage_file(path) is not None:
            raise BagError(f"the bag {path} was not closed: run `visavis record --repair {path}`")
        raise BagError(f"{path} is not a bag: it holds neither metadata.yaml nor an mcap or db3 file")
    try:
        reader = Reader(path)
        reader.open()
    except (ReaderError, OSError) as error:
        what = f"the bag {path} cannot be read ({error})"
        raise BagError(f"{what}: delete its metadata.yaml and run `visavis record --repair {path}`") from error
    try:
        yield reader
    finally:
        reader.close()


def read_bag(path: Path | str, topics: Sequence[str] | None = None) -> Iterator[tuple[str, Any, int]]:
    """Topic, message and time of arrival (ns), in order of arrival, of ``topics`` (with or without leading slash) or of all."""
    with open_bag(Path(path)) as reader:
        connections = select(reader, topics)
        for connection, time_ns, data in reader.messages(connections):
            yield connection.topic, deserialize_message(bytes(data), message_class(connection.msgtype)), time_ns


def bag_counts(path: Path | str) -> dict[str, int]:
    """How many messages each topic has."""
    with open_bag(Path(path)) as reader:
        return {connection.topic: connection.msgcount for connection in reader.connections}


def select(reader: Reader, topics: Sequence[str] | None) -> list[Connection]:
    """The connections of these topics. BagError, naming what there is, for a topic that the bag does not hold."""
    if topics is None:
        return list(reader.connections)
    wanted = {"/" + topic.strip("/") for topic in topics}
    there = {connection.topic for connection in reader.connections}
    if missing := wanted - there:
        raise BagError(f"the bag {reader.path} has no {', '.join(sorted(missing))}: it has {', '.join(sorted(there)) or 'nothing'}")
    return [connection for connection in reader.connections if connection.topic in wanted]


def offered_qos(connection: Connection, depth: int) -> QoSProfile:
    """The QoS with which to publish a recorded topic: as reliable and as durable as its publishers all were."""
    assert isinstance(connection.ext, ConnectionExtRosbag2)
    profiles = connection.ext.offered_qos_profiles
    best_effort = bool(profiles) and all(profile.reliability == QosReliability.BEST_EFFORT for profile in profiles)
    latched = bool(profiles) and all(profile.durability == QosDurability.TRANSIENT_LOCAL for profile in profiles)
    return QoSProfile(
        depth=max([depth, *(profile.depth for profile in profiles)]),
        reliability=ReliabilityPolicy.BEST_EFFORT if best_effort else ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )


# Repair.


@dataclass(frozen=True)
class _Recorded:
    """One message as it was found in a bag that was not closed."""

    topic: str
    type_name: str
    definition: str
    digest: str
    time_ns: int
    data: bytes


def repair_bag(path: Path) -> dict[str, int]:
    """Give a bag that was not closed its index and metadata.yaml; how many messages of each topic were saved.

    The bag is written anew beside the old one, which is then kept as ``NAME.damaged``. BagError if there is nothing to repair.
    """
    if (path / "metadata.yaml").exists():
        raise BagError(f"the bag {path} was closed: there is nothing to repair")
    found = _storage_file(path)
    if found is None:
        raise BagError(f"{path} holds no mcap or db3 file: it is not a bag")
    rebuilt, damaged = path.with_name(path.name + ".repairing"), path.with_name(path.name + ".damaged")
    for leftover in (rebuilt, damaged):
        if leftover.exists():
            raise BagError(f"{leftover} is in the way (of an earlier repair): look at it and move it away")
    storage = "mcap" if found.suffix == ".mcap" else "sqlite3"
    counts: Counter[str] = Counter()
    connections: dict[str, Connection] = {}
    with Writer(rebuilt / path.name, version=9, storage_plugin=STORAGES[storage]) as writer:
        for message in _scan_mcap(found) if storage == "mcap" else _scan_sqlite(found):
            if message.topic not in connections:
                digest = message.digest or _digest(message.type_name)
                connections[message.topic] = writer.add_connection(
                    message.topic, message.type_name, msgdef=message.definition, rihs01=digest, offered_qos_profiles=()
                )
            writer.write(connections[message.topic], message.time_ns, message.data)
            counts[message.topic] += 1
    path.rename(damaged)
    (rebuilt / path.name).rename(path)
    rebuilt.rmdir()
    return dict(counts)


def _storage_file(path: Path) -> Path | None:
    return next((file for suffix in ("*.mcap", "*.db3") for file in sorted(path.glob(suffix))), None)


def _digest(type_name: str) -> str:
    try:
        return typestore_with(type_name).hash_rihs01(type_name)
    except BagError:
        return "RIHS01_" + "0" * 64  # of a type that is not installed here; players take it for unknown


MCAP_MAGIC = b"\x89MCAP0\r\n"
SCHEMA, CHANNEL, MESSAGE, CHUNK, DATA_END = 0x03, 0x04, 0x05, 0x06, 0x0F


def _scan_mcap(path: Path) -> Iterator[_Recorded]:
    """The messages of an MCAP file from its beginning to where it was cut off (https://mcap.dev/spec, sections Records and Chunk)."""
    schemas: dict[int, tuple[str, str]] = {}
    channels: dict[int, tuple[int, str]] = {}
    with path.open("rb") as file:
        if file.read(8) != MCAP_MAGIC:
            raise BagError(f"{path} does not begin like an mcap file: nothing can be saved")
        for opcode, body in _records(file):
            if opcode == DATA_END:
                return
            inner = _chunk_records(path, body) if opcode == CHUNK else iter([(opcode, body)])
            for kind, record in inner:
                if kind == SCHEMA:
                    name, at = _text(record, 2)
                    _, at = _text(record, at)
                    definition, _ = _text(record, at)
                    schemas[struct.unpack_from("<H", record)[0]] = (name, definition)
                elif kind == CHANNEL:
                    number, schema = struct.unpack_from("<HH", record)
                    channels[number] = (schema, _text(record, 4)[0])
                elif kind == MESSAGE:
                    number, _, time_ns, _ = struct.unpack_from("<HIQQ", record)
                    schema, topic = channels[number]
                    yield _Recorded(topic, *schemas[schema], "", time_ns, record[22:])


def _records(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Opcode and body of each record that is whole."""
    while len(head := file.read(9)) == 9:
        opcode, length = struct.unpack("<BQ", head)
        body = file.read(length)
        if len(body) < length:
            return
        yield opcode, body


def _chunk_records(path: Path, chunk: bytes) -> Iterator[tuple[int, bytes]]:
    compression, at = _text(chunk, 28)
    if compression:
        raise BagError(f"{path} is compressed ({compression}), which this repair does not read: use `ros2 bag reindex {path.parent}`")
    at += 8
    while at + 9 <= len(chunk):
        opcode, length = struct.unpack_from("<BQ", chunk, at)
        yield opcode, chunk[at + 9 : at + 9 + length]
        at += 9 + length


def _text(record: bytes, at: int) -> tuple[str, int]:
    (length,) = struct.unpack_from("<I", record, at)
    return record[at + 4 : at + 4 + length].decode(), at + 4 + length


def _scan_sqlite(path: Path) -> Iterator[_Recorded]:
    """The committed messages of a database whose write-ahead log was left behind."""
    connection = sqlite3.connect(path)
    try:
        yield from (
            _Recorded(*row)
            for row in connection.execute(
                "SELECT topics.name, topics.type, definitions.encoded_message_definition, topics.type_description_hash, timestamp, data "
                "FROM messages JOIN topics ON topics.id = messages.topic_id "
                "JOIN message_definitions AS definitions ON definitions.topic_type = topics.type ORDER BY messages.id"
            )
        )
    except sqlite3.DatabaseError as error:
        raise BagError(f"{path} cannot be read ({error}): nothing can be saved") from error
    finally:
        connection.close()
