"""One WebRTC connection to one browser: the answer to its offer, and an end."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass

from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCRtpSender, RTCSessionDescription

from visavis.bridge.encoders import Encoded
from visavis.bridge.tracks import PacketTrack, offer_addresses, prepare, report_network

MAX_SDP = 32 * 1024
MAX_SECTIONS = 3
ANSWER_SECONDS = 10.0
CONNECT_SECONDS = 20.0
"""A browser that has not connected so long after the answer is given up."""


class OfferError(ValueError):
    """An offer that cannot be answered; the text tells the page why."""


@dataclass(frozen=True)
class IceConfig:
    """stun, turn: URLs (stun:host:port, turn:host:port?transport=udp). addresses: those of this machine to be reached at; empty for all."""

    stun: tuple[str, ...] = ()
    turn: tuple[str, ...] = ()
    username: str = ""
    credential: str = ""
    addresses: tuple[str, ...] = ()

    def servers(self) -> list[RTCIceServer]:
        """For aiortc, where an empty list means none (and not its default, which is somebody else's)."""
        stun = [RTCIceServer(url) for url in self.stun]
        return stun + [RTCIceServer(url, username=self.username, credential=self.credential) for url in self.turn]

    def for_browser(self) -> list[dict[str, str]]:
        """The same for RTCPeerConnection on the page."""
        turn = [{"urls": url, "username": self.username, "credential": self.credential} for url in self.turn]
        return [{"urls": url} for url in self.stun] + turn


class Peer:
    """Sends the packets of ``offer_video`` and ``offer_audio`` to one browser. Used in the event loop only."""

    def __init__(
        self,
        ice: IceConfig,
        codec: str,
        want_key: Callable[[], None],
        on_state: Callable[[str], None],
        on_estimate: Callable[[int], None] = lambda bits: None,
        on_loss: Callable[[float], None] = lambda share: None,
    ) -> None:
        """on_estimate, on_loss: see ``report_network``."""
        self._on_estimate, self._on_loss = on_estimate, on_loss
        self._ice, self._codec, self._want_key, self._on_state = ice, codec, want_key, on_state
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=ice.servers()))
        self._connection.on("connectionstatechange", self._changed)
        self.video = PacketTrack("video", want_key)
        self.audio = PacketTrack("audio", lambda: None)
        self._watchdog: asyncio.TimerHandle | None = None
        self._connected = False

    async def answer(self, sdp: str) -> str:
        """The answer to an offer. Raises OfferError for one that cannot be answered, whatever is wrong with it."""
        check_offer(sdp)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                self._attach()
                await self._connection.setRemoteDescription(RTCSessionDescription(without_hidden_addresses(sdp), "offer"))
                self._check_sections()
                if self._ice.addresses:
                    offer_addresses(self._connection, list(self._ice.addresses))
                await self._connection.setLocalDescription(await self._connection.createAnswer())
        except OfferError:
            raise
        except Exception as error:
            raise OfferError(f"the offer could not be answered ({type(error).__name__})") from error
        self._watchdog = asyncio.get_running_loop().call_later(CONNECT_SECONDS, self._give_up)
        return self._connection.localDescription.sdp

    async def close(self) -> None:
        if self._watchdog is not None:
            self._watchdog.cancel()
        self.video.stop()
        self.audio.stop()
        await self._connection.close()

    def offer_video(self, packet: Encoded) -> None:
        if self._connected:
            self.video.offer(packet)

    def offer_audio(self, packet: Encoded) -> None:
        if self._connected:
            self.audio.offer(packet)

    def _attach(self) -> None:
        """Before the offer is read: aiortc takes preferences among codecs into account only then."""
        for track, wanted in ((self.video, f"video/{self._codec}"), (self.audio, "audio/opus")):
            transceiver = self._connection.addTransceiver(track, direction="sendonly")
            codecs = RTCRtpSender.getCapabilities(track.kind).codecs
            transceiver.setCodecPreferences([codec for codec in codecs if codec.mimeType.lower() in (wanted, "video/rtx")])
            prepare(transceiver.sender, track, self._want_key if track.kind == "video" else lambda: None)
            if track.kind == "video":
                report_network(transceiver.sender, self._on_estimate, self._on_loss)

    def _check_sections(self) -> None:
        for transceiver in self._connection.getTransceivers():
            ours = transceiver.sender.track in (self.video, self.audio)
            if not ours:
                transceiver.direction = "inactive"
            elif transceiver.sender.track is self.video and transceiver.mid is None:
                raise OfferError("the offer asks for no picture")

    def _changed(self) -> None:
        state = self._connection.connectionState
        if state == "connected" and not self._connected:
            self._connected = True
            self._want_key()
        self._on_state(state)

    def _give_up(self) -> None:
        if not self._connected:
            self._on_state("failed")


def check_offer(sdp: str) -> None:
    """Refuses what is no offer of a browser before aiortc spends work on it."""
    if len(sdp) > MAX_SDP:
        raise OfferError(f"an offer of {len(sdp)} characters: at most {MAX_SDP} are read")
    if not sdp.startswith("v=0"):
        raise OfferError("the offer is no session description")
    sections = len(re.findall(r"^m=", sdp, re.MULTILINE))
    if not 1 <= sections <= MAX_SECTIONS:
        raise OfferError(f"the offer has {sections} sections: it must ask for one picture and one sound")


def without_hidden_addresses(sdp: str) -> str:
    """Without the candidates whose address the browser hides behind a name of multicast DNS: they would be looked up for seconds, and the
    browser, which reaches us, makes itself known by doing so. Its word that no more follow goes too: that one does."""
    return re.sub(r"^a=(candidate:.*\.local .*|end-of-candidates)\r?\n", "", sdp, flags=re.MULTILINE)
