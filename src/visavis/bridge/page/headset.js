// The person life-size in the room of a headset or phone, by WebXR, with the voice coming from the mouth.

import { Cutout } from "./cutout.js";
import { before, facing, lifeSize, mouthOf, pointed, standing } from "./place.js";

const STALE_MS = 1500; // without live pictures: then the person fades, and comes back with them
const DARK = [0.09, 0.1, 0.11];
const MODES = [["immersive-ar", "Enter AR"], ["immersive-vr", "Enter VR"]];

export class Headset {
  // button, note: elements. media: the page's. graph(): the last word of the bridge, or null without a connection. complain(text).
  constructor({ button, note, media, graph, complain }) {
    Object.assign(this, { button, note, media, graph, complain });
    this.mode = null;
    this.session = null;
    this.frames = 0;
    button.onclick = () => (this.session ? this.session.end() : this.enter().catch((error) => this.failed(error)));
    media.addEventListener("stream", () => this.listen());
    media.addEventListener("muted", () => this.setVolume());
    navigator.xr?.addEventListener?.("devicechange", () => this.look());
    this.look();
  }

  // What this browser can do.
  async look() {
    const { xr } = navigator;
    let found = null;
    for (const mode of xr ? MODES : []) {
      if (!found && await xr.isSessionSupported(mode[0]).catch(() => false)) found = mode;
    }
    this.mode = found;
    this.show();
  }

  show() {
    document.body.toggleAttribute("data-headset", Boolean(this.session));
    this.button.hidden = !this.mode && !this.session;
    this.button.textContent = this.session ? "Leave the headset" : this.mode?.[1] ?? "";
    this.button.setAttribute("aria-pressed", String(Boolean(this.session)));
    const person = this.graph()?.person;
    let text = "";
    if (!window.isSecureContext) text = "A headset shows the person in your room only over https, or on the machine itself.";
    else if (!navigator.xr) text = "This browser has no WebXR: open the page in the browser of a headset, or in Chrome on an Android phone.";
    else if (!this.mode && !this.session) text = "No headset is connected.";
    else if (person && !person.cut_out) text = "The person comes with the background of the photo: start the graph with pixel_format:=rgba8 to have it cut out.";
    if (this.note.textContent !== text) this.note.textContent = text;
    this.note.hidden = !text;
  }

  async enter() {
    // Before anything that waits: sound and session need the touch that led here.
    this.audio = new AudioContext({ latencyHint: "interactive" });
    const [mode] = this.mode;
    const session = await navigator.xr.requestSession(mode, { optionalFeatures: ["local-floor"] });
    this.session = session;
    session.addEventListener("end", () => this.left());
    this.opaque = mode === "immersive-vr";
    try {
      await this.begin(session);
    } catch (error) {
      await session.end().catch(() => {});
      throw error;
    }
  }

  async begin(session) {
    const canvas = document.createElement("canvas");
    const gl = canvas.getContext("webgl2", { xrCompatible: true, alpha: true, antialias: false });
    if (!gl) throw new Error("this browser has no WebGL 2");
    this.gl = gl;
    canvas.addEventListener("webglcontextlost", () => this.session?.end());
    await gl.makeXRCompatible?.();
    this.cutout = new Cutout(gl);
    this.layer = new XRWebGLLayer(session, gl, { alpha: true, antialias: true });
    await session.updateRenderState({ baseLayer: this.layer });
    this.floor = true;
    this.space = await session.requestReferenceSpace("local-floor").catch(() => { this.floor = false; return session.requestReferenceSpace("local"); });
    this.space.addEventListener("reset", () => { this.place = null; }); // the room has a new middle: stand before the viewer again
    this.place = null;
    this.viewer = null;
    this.shownTime = -1;
    this.shownAt = performance.now();
    session.addEventListener("select", (event) => this.select(event));
    this.media.setElsewhere(true);
    this.media.cutout = true;
    await this.media.start();
    this.listen();
    this.show();
    session.requestAnimationFrame((time, frame) => this.draw(time, frame));
  }

  // Also where the headset was taken off or its browser ended the session.
  left() {
    this.session = null;
    this.audio?.close();
    this.audio = this.voice = null;
    this.gl?.getExtension("WEBGL_lose_context")?.loseContext();
    this.gl = null;
    this.media.setElsewhere(false);
    if (this.media.cutout) {
      this.media.cutout = false;
      this.media.start();
    }
    this.show();
  }

  failed(error) {
    this.audio?.close();
    this.audio = null;
    this.show();
    const refused = { NotAllowedError: "it was not allowed", NotSupportedError: "it is not there any more", InvalidStateError: "another page uses it" }[error.name];
    this.complain(`The headset could not be entered: ${refused ?? error.message}.`);
    if (!refused) console.error(error);
  }

  // The voice: from the stream that came last to a panner at the mouth. The page's own player stays silent meanwhile.
  listen() {
    const stream = this.media.video.srcObject;
    if (!this.audio || !stream?.getAudioTracks().length) return;
    this.voice?.disconnect();
    this.panner ??= null;
    if (this.panner?.context !== this.audio) {
      this.panner = new PannerNode(this.audio, { panningModel: "HRTF", distanceModel: "inverse", refDistance: 1, rolloffFactor: 1, coneInnerAngle: 120, coneOuterAngle: 300, coneOuterGain: 0.5 });
      this.volume = new GainNode(this.audio);
      this.panner.connect(this.volume).connect(this.audio.destination);
    }
    this.voice = this.audio.createMediaStreamSource(stream);
    this.voice.connect(this.panner);
    this.setVolume();
    this.audio.resume();
  }

  setVolume() {
    if (this.volume && this.audio) this.volume.gain.value = this.media.muted ? 0 : 1;
  }

  select({ inputSource, frame }) {
    const ray = frame.getPose(inputSource.targetRaySpace, this.space);
    if (ray && this.viewer && this.place) this.place = pointed(ray.transform.matrix, this.viewer, this.place, this.floor);
  }

  draw(time, frame) {
    const { session, gl, layer } = this;
    if (!session || frame.session !== session) return;
    session.requestAnimationFrame((...next) => this.draw(...next));
    const { video } = this.media;
    const graph = this.graph();
    if (graph?.pictures && this.media.cutoutShown && video.readyState >= 2 && video.videoHeight) {
      if (video.currentTime !== this.shownTime) this.cutout.take(video); // a stream that has ended would be black
      this.shownTime = video.currentTime;
      this.shownAt = performance.now();
    }
    gl.bindFramebuffer(gl.FRAMEBUFFER, layer.framebuffer);
    gl.clearColor(...(this.opaque ? [...DARK, 1] : [0, 0, 0, 0]));
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    const pose = frame.getViewerPose(this.space);
    const person = graph?.person ?? this.lastPerson;
    if (!pose || !person) return; // tracking is lost: the person stays where it was
    this.lastPerson = person;
    this.viewer = pose.transform.matrix;
    this.place ??= before(this.viewer, this.floor);
    const turn = facing(this.place, this.viewer);
    this.hear(turn);
    if (!this.cutout.size) return;
    const scene = {
      model: standing(this.place, turn),
      edges: lifeSize(person, this.cutout.size),
      presence: Math.min(1, Math.max(0.25, 1 - (performance.now() - this.shownAt - STALE_MS) / 1000)),
    };
    for (const view of pose.views) {
      const { x, y, width, height } = layer.getViewport(view);
      gl.viewport(x, y, width, height);
      this.cutout.draw({ ...scene, projection: view.projectionMatrix, view: view.transform.inverse.matrix });
    }
    this.frames += 1;
  }

  // Where the mouth is, and where the ears are.
  hear(turn) {
    const { panner, audio, viewer } = this;
    if (!panner || !audio || panner.context !== audio) return;
    const set = (node, names, values) => names.forEach((name, index) => { node[name].value = values[index]; });
    set(panner, ["positionX", "positionY", "positionZ"], mouthOf(this.place));
    set(panner, ["orientationX", "orientationY", "orientationZ"], [Math.sin(turn), 0, Math.cos(turn)]);
    const ears = audio.listener;
    if (ears.positionX) {
      set(ears, ["positionX", "positionY", "positionZ"], viewer.slice(12, 15));
      set(ears, ["forwardX", "forwardY", "forwardZ"], [-viewer[8], -viewer[9], -viewer[10]]);
      set(ears, ["upX", "upY", "upZ"], viewer.slice(4, 7));
    } else {
      ears.setPosition(viewer[12], viewer[13], viewer[14]);
      ears.setOrientation(-viewer[8], -viewer[9], -viewer[10], viewer[4], viewer[5], viewer[6]);
    }
  }
}
