"""Ready packets into WebRTC. The only file that reaches for what aiortc keeps to itself.

aiortc encodes once for every connection when a track gives pictures. A track that gives packets is sent as it is, so that one encode
serves all viewers; these then need a hand, for which aiortc 1.x has no public way:

* a browser's wish for a key frame is not told to the track, nor what it reports of the network;
* its sender reports say that a packet was captured when it was sent; picture and sound are in step only if they say what their stamps say;
* only addresses other than the loopback are offered, also where the page itself is for this machine alone.

``prepare`` and ``offer_addresses`` fail loudly where a version of aiortc has none of the names they need.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import av
from aiortc import RTCPeerConnection, RTCRtpSender
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from aiortc.rtp import RTCP_PSFB_APP, RtcpPsfbPacket, RtcpRrPacket, RtcpSrPacket, unpack_remb_fci

from visavis.bridge.encoders import AUDIO_TIME_BASE, VIDEO_TIME_BASE, Encoded
from visavis.bridge.media_clock import ntp_time

WAITING = 90
"""Packets that wait for a viewer at most; then it begins anew at a key frame."""


class PacketTrack(MediaStreamTrack):
    """A track of ready packets. Begins at a key frame, and again after packets had to be dropped. Used in the event loop only."""

    def __init__(self, kind: str, want_key: Callable[[], None]) -> None:
        super().__init__()
        self.kind = kind
        self.dropped = 0
        self.sent: Encoded | None = None
        self._want_key = want_key
        self._time_base = VIDEO_TIME_BASE if kind == "video" else AUDIO_TIME_BASE
        self._packets: deque[Encoded] = deque()
        self._arrived = asyncio.Event()
        self._begun = False

    def offer(self, packet: Encoded) -> None:
        if self.readyState != "live":
            return
        if len(self._packets) >= WAITING:
            self.dropped += len(self._packets)
            self._packets.clear()
            self._begun = False
            self._want_key()
        if not self._begun and not packet.key:
            return
        self._begun = True
        self._packets.append(packet)
        self._arrived.set()

    async def recv(self) -> "av.Packet[Any]":
        while not self._packets:
            if self.readyState != "live":
                raise MediaStreamError
            self._arrived.clear()
            await self._arrived.wait()
        self.sent = self._packets.popleft()
        packet = av.Packet(self.sent.data)
        packet.pts, packet.time_base = self.sent.pts, self._time_base
        return packet

    def stop(self) -> None:
        super().stop()
        self._arrived.set()


def prepare(sender: RTCRtpSender, track: PacketTrack, want_key: Callable[[], None]) -> None:
    """Tell of wishes for key frames, and have sender reports say what the packets' stamps say."""
    _need(sender, "_send_keyframe", "_send_rtcp")
    sender._send_keyframe = want_key  # type: ignore[method-assign]
    send: Callable[[list[Any]], Awaitable[None]] = sender._send_rtcp
    origin: int | None = None

    async def send_rtcp(packets: list[Any]) -> None:
        nonlocal origin
        for packet in packets:
            if isinstance(packet, RtcpSrPacket) and track.sent is not None:
                # RTP time counts from a random origin that the sender keeps to itself. Packets leave without a pause, so what it
                # sent last is what the track gave last; if for once it is not, the origin that was found before tells by how much.
                ticks, last = packet.sender_info.rtp_timestamp, track.sent
                if origin is None:
                    origin = (ticks - last.pts) % 2**32
                off = (ticks - origin - last.pts + 2**31) % 2**32 - 2**31
                off_ns = off * 1_000_000_000 * track._time_base.numerator // track._time_base.denominator
                packet.sender_info.ntp_timestamp = ntp_time(last.media_ns + off_ns)
        await send(packets)

    sender._send_rtcp = send_rtcp  # type: ignore[method-assign,assignment]


def report_network(sender: RTCRtpSender, on_estimate: Callable[[int], None], on_loss: Callable[[float], None]) -> None:
    """Tell what the browser reports: its estimate of what the way to it carries (bits a second), and the share of packets that it lost."""
    _need(sender, "_handle_rtcp_packet", "_ssrc")
    handle: Callable[[Any], Awaitable[None]] = sender._handle_rtcp_packet

    async def handle_rtcp(packet: Any) -> None:
        if isinstance(packet, RtcpRrPacket | RtcpSrPacket):
            for report in packet.reports:
                if report.ssrc == sender._ssrc:
                    on_loss(report.fraction_lost / 256)
        elif isinstance(packet, RtcpPsfbPacket) and packet.fmt == RTCP_PSFB_APP:
            try:
                bits, sources = unpack_remb_fci(packet.fci)
            except ValueError:
                return
            if sender._ssrc in sources:
                on_estimate(bits)
        await handle(packet)

    sender._handle_rtcp_packet = handle_rtcp  # type: ignore[method-assign]


def offer_addresses(peer: RTCPeerConnection, addresses: list[str]) -> None:
    """Let the browser reach the peer at these addresses of this machine only. To be called before the answer is set."""
    for transport in {id(t): t for t in (one.sender.transport.transport for one in peer.getTransceivers())}.values():
        connection = transport.iceGatherer._connection
        _need(connection, "get_component_candidates")
        gather = connection.get_component_candidates

        async def candidates(component: int, addresses: list[str], _gather: Any = gather, _own: list[str] = addresses, **more: Any) -> Any:
            return await _gather(component=component, addresses=_own, **more)

        connection.get_component_candidates = candidates  # type: ignore[method-assign,assignment]


def _need(thing: object, *names: str) -> None:
    missing = [name for name in names if not hasattr(thing, name)]
    if missing:
        raise RuntimeError(f"this version of aiortc has no {type(thing).__name__}.{missing[0]}: install the one that visavis[web] asks for")
