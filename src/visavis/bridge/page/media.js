// Picture and sound: by WebRTC, or, where that does not connect, as ready pictures and samples on the socket. Either begins anew by itself.

import { Sync } from "./sync.js";

const FIRST_PICTURE_MS = 8000;
const TRIES_BEFORE_PICTURES = 2;
const GATHER_MS = 1000;
const LOST_MS = 2500;
const SEEN_MS = 200;
const LEAD_S = 0.18;
const MAX_LEAD_S = 0.8;
const WEB_AUDIO_MS = 45; // 36 to 56 in Chromium, filmed: what its buffer adds where a headset places the voice in the room

export class Media extends EventTarget {
  // say(message) -> Promise of the answer
  constructor(video, canvas, say) {
    super();
    this.video = video;
    this.canvas = canvas;
    this.say = say;
    this.mode = null;
    this.ice = [];
    this.failures = 0;
    this.muted = true;
    this.elsewhere = false; // what is heard comes out somewhere else
    this.cutout = false; // ask for pictures with opacity, which only a headset can show
    this.cutoutShown = false; // whether the pictures that come are those
    this.peer = null;
    this.pictures = new Pictures(canvas);
    this.forced = new URLSearchParams(location.search).get("media");
    const seen = () => { this.lastPicture = performance.now(); this.dispatchEvent(new Event("picture")); };
    this.pictures.onpicture = seen;
    if ("requestVideoFrameCallback" in HTMLVideoElement.prototype) {
      // Not each of them: a page that is told of a picture is drawn anew as a whole for it.
      const next = () => { seen(); setTimeout(() => video.requestVideoFrameCallback(next), SEEN_MS); };
      video.requestVideoFrameCallback(next);
    } else {
      video.addEventListener("timeupdate", seen);
    }
  }

  // Called whenever the socket has opened; also to begin again after a failure.
  async start(ice = this.ice) {
    this.ice = ice;
    this.stop();
    const wanted = this.forced === "webrtc" || this.cutout || (this.failures < TRIES_BEFORE_PICTURES && this.forced !== "pictures");
    const webrtc = wanted && "RTCPeerConnection" in window;
    try {
      await (webrtc ? this.startWebRTC() : this.startPictures());
    } catch (error) {
      if (webrtc) this.failed(error);
    }
  }

  stop() {
    clearTimeout(this.timer);
    this.cutoutShown = false;
    this.sync?.stop();
    this.sync = null;
    this.peer?.close();
    this.peer = null;
    this.pictures.stop();
  }

  failed(reason) {
    console.info("visavis: WebRTC", reason?.message ?? reason);
    this.failures += 1;
    this.stop();
    this.timer = setTimeout(() => this.start(), 300);
  }

  async startWebRTC() {
    const { cutout } = this;
    const peer = (this.peer = new RTCPeerConnection({ iceServers: this.ice, bundlePolicy: "max-bundle" }));
    for (const kind of ["video", "audio"]) peer.addTransceiver(kind, { direction: "recvonly" });
    const stream = new MediaStream();
    peer.ontrack = (event) => {
      stream.addTrack(event.track);
      if (stream.getTracks().length < 2) return;
      this.cutoutShown = cutout;
      this.show(event.streams[0] ?? stream);
    };
    let lost = null;
    peer.onconnectionstatechange = () => {
      clearTimeout(lost);
      if (peer !== this.peer) return;
      if (peer.connectionState === "failed") this.failed("failed");
      if (peer.connectionState === "disconnected") lost = setTimeout(() => peer === this.peer && this.failed("disconnected"), LOST_MS);
    };
    await peer.setLocalDescription(await peer.createOffer());
    if (this.ice.length) await gathered(peer);
    if (peer !== this.peer) return;
    const begun = performance.now();
    this.timer = setTimeout(() => {
      // Connected but no picture: the graph sends none, which is no fault of WebRTC.
      if (peer === this.peer && peer.connectionState !== "connected") this.failed("no connection");
    }, FIRST_PICTURE_MS);
    const answer = await this.say({ type: "watch", mode: "webrtc", cutout, sdp: peer.localDescription.sdp });
    if (peer !== this.peer) return;
    if (!answer.ok) throw new Error(answer.text);
    await peer.setRemoteDescription({ type: "answer", sdp: answer.sdp });
    this.setMode("webrtc");
    this.sync = new Sync(peer, () => this.stats(), () => (this.elsewhere ? WEB_AUDIO_MS : 0));
    const first = () => { this.failures = 0; this.firstPictureMs = performance.now() - begun; };
    this.addEventListener("picture", first, { once: true });
  }

  async startPictures() {
    const answer = await this.say({ type: "watch", mode: "pictures" });
    if (!answer.ok) { this.timer = setTimeout(() => this.start(), 3000); return; }
    this.pictures.start(this.muted);
    this.setMode("pictures");
  }

  // What is seen and heard, to be recorded, whether it is muted here or not; it ends when the way of the picture changes.
  recording() {
    if (this.mode === "webrtc") return this.video.srcObject && new MediaStream(this.video.srcObject.getTracks().map((track) => track.clone()));
    return this.mode === "pictures" ? this.pictures.recording() : null;
  }

  setMode(mode) {
    this.mode = mode;
    this.video.hidden = mode !== "webrtc";
    this.canvas.hidden = mode !== "pictures";
    this.dispatchEvent(new Event("mode"));
  }

  async show(stream) {
    this.video.srcObject = stream;
    this.setMuted(this.muted);
    this.dispatchEvent(new Event("stream"));
    try {
      await this.video.play();
    } catch (error) {
      if (error.name !== "NotAllowedError") return;
      this.setMuted(true);
      this.dispatchEvent(new Event("silenced"));
      this.video.play().catch(() => {});
    }
  }

  setMuted(muted) {
    this.muted = muted;
    this.video.muted = muted || this.elsewhere;
    this.pictures.setMuted(muted);
    this.dispatchEvent(new Event("muted"));
  }

  setElsewhere(elsewhere) {
    this.elsewhere = elsewhere;
    this.setMuted(this.muted);
  }

  // A binary message of the socket: kind, media time in milliseconds, payload.
  receive(buffer) {
    if (this.mode !== "pictures") return;
    const view = new DataView(buffer);
    const [kind, time] = [view.getUint8(0), view.getFloat64(8, true)];
    if (kind === 1) this.pictures.addPicture(time, new Blob([new Uint8Array(buffer, 16)], { type: "image/jpeg" }));
    if (kind === 2) this.pictures.addSound(time, new Int16Array(buffer, 16));
  }

  // What the browser says of itself, or null.
  async stats() {
    if (!this.peer) return this.mode === "pictures" ? { shown: this.pictures.shown } : null;
    const found = {};
    for (const report of (await this.peer.getStats()).values()) {
      if (report.type === "inbound-rtp") found[report.kind] = report;
      if (report.type === "candidate-pair" && report.nominated) found.pair = report;
    }
    if (!found.video) return null;
    const { video, audio, pair } = found;
    return {
      shown: video.framesDecoded,
      dropped: video.framesDropped,
      frozen: video.freezeCount,
      lost: (video.packetsLost ?? 0) + (audio?.packetsLost ?? 0),
      bytes: video.bytesReceived + (audio?.bytesReceived ?? 0),
      waited: { seconds: video.jitterBufferTargetDelay ?? 0, frames: video.jitterBufferEmittedCount ?? 0 }, // in all; as it was meant to
      roundTrip: pair?.currentRoundTripTime,
      // When what is seen and what is heard now was made, by the browser's own account.
      offset: video.estimatedPlayoutTimestamp && audio?.estimatedPlayoutTimestamp ? video.estimatedPlayoutTimestamp - audio.estimatedPlayoutTimestamp : null,
    };
  }
}

function gathered(peer) {
  return new Promise((done) => {
    if (peer.iceGatheringState === "complete") done();
    peer.addEventListener("icegatheringstatechange", () => peer.iceGatheringState === "complete" && done());
    setTimeout(done, GATHER_MS);
  });
}

// Ready pictures on a canvas in step with samples through Web Audio: the audio clock leads, pictures wait for their time on it.
class Pictures {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.shown = 0;
    this.muted = true;
    this.running = false;
  }

  start(muted) {
    this.running = true;
    this.queue = [];
    this.anchor = null;
    this.setMuted(muted);
    this.draw();
  }

  stop() {
    this.running = false;
    this.audio?.close();
    this.audio = null;
  }

  setMuted(muted) {
    this.muted = muted;
    if (!this.running) return;
    if (!muted && !this.audio) {
      this.audio = new AudioContext({ latencyHint: "interactive" });
      this.anchor = null;
    }
    if (muted && this.audio) {
      this.audio.close();
      this.audio = null;
    }
  }

  // The picture; and the sound, where it is on.
  recording() {
    const stream = this.canvas.captureStream(30);
    if (this.audio) {
      this.tap = this.audio.createMediaStreamDestination();
      this.tap.stream.getTracks().forEach((track) => stream.addTrack(track));
    }
    return stream;
  }

  addSound(time, samples) {
    const audio = this.audio;
    if (!audio || audio.state !== "running") return;
    let at = this.anchor === null ? -1 : this.anchor + time / 1000;
    if (at < audio.currentTime || at > audio.currentTime + MAX_LEAD_S) {
      this.anchor = audio.currentTime + LEAD_S - time / 1000;
      at = audio.currentTime + LEAD_S;
    }
    const buffer = audio.createBuffer(1, samples.length, 16000);
    const channel = buffer.getChannelData(0);
    for (let i = 0; i < samples.length; i++) channel[i] = samples[i] / 32768;
    const source = audio.createBufferSource();
    source.buffer = buffer;
    source.connect(audio.destination);
    if (this.tap?.context === audio) source.connect(this.tap);
    source.start(at);
  }

  async addPicture(time, blob) {
    try {
      const bitmap = await createImageBitmap(blob);
      this.queue.push([time, bitmap]);
      while (this.queue.length > 60) this.queue.shift()[1].close();
    } catch { /* a damaged picture is left out */ }
  }

  draw() {
    if (!this.running) return;
    requestAnimationFrame(() => this.draw());
    const audio = this.audio;
    const heard = audio && audio.state === "running" && this.anchor !== null ? (audio.currentTime - (audio.outputLatency || 0) - this.anchor) * 1000 : Infinity;
    let picture = null;
    while (this.queue.length && this.queue[0][0] <= heard) {
      picture?.close();
      picture = this.queue.shift()[1];
    }
    if (!picture) return;
    if (this.canvas.width !== picture.width || this.canvas.height !== picture.height) [this.canvas.width, this.canvas.height] = [picture.width, picture.height];
    this.context.drawImage(picture, 0, 0);
    picture.close();
    this.shown += 1;
    this.onpicture?.();
  }
}
