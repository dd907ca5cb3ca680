// What the avatar is to say: the microphone as it comes, or a sound file, decoded here so that the bridge never reads foreign formats.

const RATE = 16000;
const BLOCK = 640;
const AHEAD_S = 4;
const MAX_FILE_BYTES = 100 * 1024 * 1024;

export class SpeechError extends Error {}

// socket: { say(message) -> Promise of the answer, sendBytes(buffer), alive }. Events: change, level (detail 0..1).
export class Speech extends EventTarget {
  constructor(socket) {
    super();
    this.socket = socket;
    this.stream = Math.floor(Math.random() * 1e6);
    this.source = null; // "microphone", "file" or null
  }

  set(source) {
    this.source = source;
    this.dispatchEvent(new Event("change"));
  }

  async begin(source) {
    await this.stop();
    this.stream += 1;
    this.sent = 0;
    const answer = await this.socket.say({ type: "begin", stream: this.stream, source });
    if (!answer.ok) throw new SpeechError(answer.text);
    this.set(source);
    return this.stream;
  }

  send(samples) {
    const buffer = new ArrayBuffer(8 + 2 * samples.length);
    const view = new DataView(buffer);
    view.setUint32(0, this.stream, true);
    view.setUint32(4, this.sent, true);
    new Int16Array(buffer, 8).set(samples);
    this.sent += samples.length;
    this.socket.sendBytes(buffer);
    let peak = 0;
    for (const sample of samples) peak = Math.max(peak, Math.abs(sample));
    this.dispatchEvent(new CustomEvent("level", { detail: peak / 32768 }));
  }

  async startMicrophone() {
    if (!navigator.mediaDevices?.getUserMedia) {
      throw new SpeechError("This browser gives the microphone only to pages on this machine or over https. Open the page under https, or as localhost.");
    }
    let media;
    try {
      media = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true } });
    } catch (error) {
      throw new SpeechError(MICROPHONE_ERRORS[error.name] ?? `The microphone could not be opened (${error.name}).`);
    }
    const context = new AudioContext();
    try {
      await context.audioWorklet.addModule("resample.worklet.js");
      const stream = await this.begin("microphone");
      const node = new AudioWorkletNode(context, "resampler", { numberOfOutputs: 0 });
      const ended = new Promise((done) => {
        node.port.onmessage = ({ data }) => {
          if (data === null) return done();
          if (stream === this.stream && this.source === "microphone") this.send(data);
        };
      });
      context.createMediaStreamSource(media).connect(node);
      await context.resume();
      media.getTracks()[0].onended = () => this.stop("The microphone was unplugged.");
      this.release = async (drain) => {
        if (drain) {
          node.port.postMessage("stop");
          await Promise.race([ended, new Promise((done) => setTimeout(done, 300))]);
        }
        for (const track of media.getTracks()) track.stop();
        await context.close();
      };
    } catch (error) {
      for (const track of media.getTracks()) track.stop();
      context.close();
      throw error;
    }
  }

  async playFile(file, maxSeconds) {
    if (file.size > MAX_FILE_BYTES) throw new SpeechError(`${file.name} has ${Math.round(file.size / 2 ** 20)} MB: at most ${MAX_FILE_BYTES / 2 ** 20} MB can be played.`);
    let sound;
    try {
      sound = await new OfflineAudioContext(1, 1, 48000).decodeAudioData(await file.arrayBuffer());
    } catch {
      throw new SpeechError(`${file.name} holds no sound that this browser can read. Try wav, mp3, ogg or m4a.`);
    }
    if (sound.duration > maxSeconds) throw new SpeechError(`${file.name} takes ${Math.round(sound.duration)} s: at most ${maxSeconds} s can be played in one go.`);
    const offline = new OfflineAudioContext(1, Math.max(1, Math.ceil(sound.duration * RATE)), RATE);
    const source = offline.createBufferSource();
    source.buffer = sound;
    source.connect(offline.destination);
    source.start();
    const floats = (await offline.startRendering()).getChannelData(0);
    const samples = Int16Array.from(floats, (value) => Math.max(-32768, Math.min(32767, Math.round(value * 32767))));
    const stream = await this.begin("file");
    const begun = performance.now();
    let at = 0;
    const more = () => {
      if (stream !== this.stream || this.source !== "file") return;
      const until = Math.min(samples.length, Math.ceil(((performance.now() - begun) / 1000 + AHEAD_S) * RATE));
      for (; at < until; at += BLOCK) this.send(samples.subarray(at, Math.min(at + BLOCK, samples.length)));
      if (at < samples.length) this.timer = setTimeout(more, 250);
      else this.socket.say({ type: "end", stream });
    };
    more();
  }

  // Ends what is being said; what was said so far is still spoken. For silence at once there is `interrupt`.
  async stop(reason = "") {
    if (!this.source) return;
    const was = this.source;
    clearTimeout(this.timer);
    const release = this.release;
    this.release = null;
    await release?.(was === "microphone");
    this.set(null);
    if (this.socket.alive) this.socket.say({ type: "end", stream: this.stream });
    if (reason) this.dispatchEvent(new CustomEvent("trouble", { detail: reason }));
  }

  // The bridge says how a stream went.
  told({ stream, state, text }) {
    if (stream !== this.stream || !this.source) return;
    const release = this.release;
    this.release = null;
    clearTimeout(this.timer);
    release?.(false);
    this.set(null);
    if (state === "stopped" && text) this.dispatchEvent(new CustomEvent("trouble", { detail: text }));
  }
}

const MICROPHONE_ERRORS = {
  NotAllowedError: "The microphone was refused. Allow it for this page (beside the address), then press Talk again.",
  NotFoundError: "No microphone was found. Plug one in, then press Talk again.",
  NotReadableError: "The microphone is in use by another program. Close that, then press Talk again.",
};
