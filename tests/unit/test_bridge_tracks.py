"""Ready packets through aiortc: reports that carry the stamps, wishes for key frames, a beginning at a key frame."""

import asyncio
from typing import Any

import pytest
from aiortc import RTCPeerConnection
from aiortc.rtp import RtcpSenderInfo, RtcpSrPacket

from visavis.bridge.encoders import Encoded
from visavis.bridge.media_clock import NTP_EPOCH, video_ticks
from visavis.bridge.tracks import WAITING, PacketTrack, offer_addresses, prepare
from visavis.timing import frame_to_ns

ORIGIN = 2**32 - 40_000
"""Where the sender's RTP clock happens to begin: it runs over soon."""


class Sender:
    """The two methods of RTCRtpSender that are replaced."""

    def __init__(self) -> None:
        self.reports: list[RtcpSrPacket] = []

    async def _send_rtcp(self, packets: list[Any]) -> None:
        self.reports += packets

    def _send_keyframe(self) -> None:
        raise AssertionError("not told")


def packet(frame: int, key: bool = False) -> Encoded:
    media_ns = frame_to_ns(frame)
    return Encoded(bytes([frame % 256]), video_ticks(media_ns), media_ns, key)


def report(pts: int, sent_at_ntp: int) -> RtcpSrPacket:
    rtp = (ORIGIN + pts) % 2**32
    return RtcpSrPacket(ssrc=1, sender_info=RtcpSenderInfo(ntp_timestamp=sent_at_ntp, rtp_timestamp=rtp, packet_count=1, octet_count=1))


def test_sender_reports_say_when_a_picture_was_due_not_when_it_was_sent() -> None:
    async def run() -> None:
        sender, wishes = Sender(), []
        track = PacketTrack("video", lambda: None)
        prepare(sender, track, lambda: wishes.append(1))  # type: ignore[arg-type]
        sender._send_keyframe()
        assert wishes == [1]
        await sender._send_rtcp([report(0, 5)])
        assert sender.reports.pop().sender_info.ntp_timestamp == 5, "nothing was sent yet"
        for frame in range(60):
            track.offer(packet(frame, key=frame == 0))
            await track.recv()
            await sender._send_rtcp([report(packet(frame).pts, sent_at_ntp=12345)])
        seconds = [(one.sender_info.ntp_timestamp / 2**32) - NTP_EPOCH for one in sender.reports]
        assert seconds == pytest.approx([frame / 30 for frame in range(60)], abs=1e-5)
        await sender._send_rtcp([report(packet(57).pts, sent_at_ntp=12345)])
        late = sender.reports[-1].sender_info.ntp_timestamp / 2**32 - NTP_EPOCH
        assert late == pytest.approx(57 / 30, abs=1e-4), "also where the last packet that was sent is not the last that was given"

    asyncio.run(run())


def test_a_viewer_begins_at_a_key_frame_and_again_after_it_could_not_keep_up() -> None:
    async def run() -> None:
        wishes: list[int] = []
        track = PacketTrack("video", lambda: wishes.append(1))
        track.offer(packet(1))
        track.offer(packet(2, key=True))
        track.offer(packet(3))
        assert [(await track.recv()).pts for _ in range(2)] == [packet(2).pts, packet(3).pts]
        for frame in range(4, 4 + WAITING + 5):
            track.offer(packet(frame))
        assert wishes == [1] and track.dropped == WAITING
        track.offer(packet(500, key=True))
        assert (await track.recv()).pts == packet(500).pts
        track.stop()
        track.offer(packet(501, key=True))

    asyncio.run(run())


def test_a_version_of_aiortc_without_those_names_is_told() -> None:
    async def run() -> None:
        with pytest.raises(RuntimeError, match=r"no object\._send_keyframe"):
            prepare(object(), PacketTrack("video", lambda: None), lambda: None)  # type: ignore[arg-type]
        peer = RTCPeerConnection()
        peer.addTransceiver("video")
        offer_addresses(peer, ["127.0.0.1"])
        await peer.close()

    asyncio.run(run())
