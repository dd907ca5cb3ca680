// The page: one socket to the bridge, which opens again by itself; everything else hangs on it.

import { Plot } from "./figures.js";
import { Media } from "./media.js";
import { setUpSay } from "./say.js";
import { Speech, SpeechError } from "./speech.js";
import { setUpUpload } from "./upload.js";

const $ = (id) => document.getElementById(id);
const TITLES = { mouth: "Mouth", expression: "Brows and cheeks", head: "Head", gaze: "Glances", blink: "Blinks", gesture: "Gestures" };
let scales = []; // names, as the bridge gives them
const WAITS_MS = [300, 700, 1500, 3000];
const ANSWER_MS = 12000;
const PATIENCE_MS = 3000;

// The socket

const socket = {
  web: null,
  alive: false,
  next: 1,
  waiting: new Map(),
  say(message) {
    return new Promise((done, fail) => {
      if (!this.alive) return fail(new SpeechError("There is no connection to the avatar just now."));
      const id = this.next++;
      const timer = setTimeout(() => { this.waiting.delete(id); fail(new SpeechError("The bridge does not answer.")); }, ANSWER_MS);
      this.waiting.set(id, { done, fail, timer });
      this.web.send(JSON.stringify({ ...message, id }));
    });
  },
  sendBytes(buffer) {
    if (this.alive) this.web.send(buffer);
  },
};

const media = new Media($("video"), $("canvas"), (message) => socket.say(message));
const speech = new Speech(socket);
let tries = 0;
let graph = null; // the last message of type state
let limits = { max_speech_seconds: 600 };
let wanted = {}; // steering that was asked for here and is not confirmed yet: name -> until when it stands

function connect() {
  const web = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/socket`);
  web.binaryType = "arraybuffer";
  socket.web = web;
  web.onopen = () => { socket.alive = true; tries = 0; update(); };
  web.onmessage = ({ data }) => (typeof data === "string" ? receive(JSON.parse(data)) : media.receive(data));
  web.onclose = (event) => {
    if (socket.web !== web) return;
    socket.alive = false;
    graph = null;
    for (const { fail, timer } of socket.waiting.values()) { clearTimeout(timer); fail(new SpeechError("The connection was lost.")); }
    socket.waiting.clear();
    media.stop();
    speech.told({ stream: speech.stream, state: "stopped", text: speech.source ? "The connection was lost while you spoke." : "" });
    closedBecause = event.reason;
    typed.lost();
    upload.lost();
    setTimeout(connect, WAITS_MS[Math.min(tries++, WAITS_MS.length - 1)]);
    update();
  };
}
let closedBecause = "";

function receive(message) {
  if (message.type === "done" || message.type === "answer") {
    const waiting = socket.waiting.get(message.id);
    if (waiting) {
      clearTimeout(waiting.timer);
      socket.waiting.delete(message.id);
      waiting.done(message);
    } else if (!message.ok) {
      complain(message.text);
    }
  } else if (message.type === "hello") {
    limits = message;
    offerChoices("styles", "style", message.styles, (name) => wish({ type: "style", name }, "style"));
    offerChoices("emotions", "emotion", message.emotions, express);
    offerScales(message.scales);
    offerChoices("portraits", "portrait", message.portraits, (name) => wish({ type: "portrait", name }, "portrait"));
    $("portraits").hidden = !message.portraits.length;
    typed.hello(message);
    upload.hello(message);
    media.failures = 0;
    media.start(message.ice);
  } else if (message.type === "state") {
    graph = message;
    showSteering(message.steering);
    typed.state(message);
    upload.state(message);
    showFigures(message);
    update();
  } else if (message.type === "media") {
    if (message.state === "failed" && media.mode === "webrtc") media.failed("the bridge gave up");
  } else if (message.type === "speech") {
    speech.told(message);
  } else if (message.type === "say") {
    typed.told(message);
  }
}

// What is going on

function update() {
  const picture = media.lastPicture && performance.now() - media.lastPicture < PATIENCE_MS;
  const video = graph?.nodes?.video_generation;
  const motion = graph?.nodes?.motion_diffusion;
  let [status, shown, veil, title, body, command] = ["live", "Live", "", "", "", ""];
  if (!socket.alive) {
    [status, shown, veil] = ["lost", tries > 1 ? "No connection" : "Connecting", tries > 1 ? "problem" : "waiting"];
    title = tries > 1 ? "The connection is lost" : "Connecting";
    body = tries > 1 ? `${closedBecause ? closedBecause[0].toUpperCase() + closedBecause.slice(1) + ". " : ""}This page tries again by itself.` : "";
  } else if (graph && !video && !picture) {
    [status, shown, veil, title] = ["silent", "Not running", "problem", "The avatar is not running"];
    [body, command] = ["It appears here as soon as it is started.", "visavis launch avatar web:=true"];
  } else if (graph && video?.level === 2) {
    [status, shown, veil, title, body] = ["silent", "Not ready", "problem", "The avatar cannot be shown", video.message];
  } else if (!picture) {
    [status, shown, veil, title] = ["connecting", "Waiting for the picture", "waiting", "One moment"];
  } else if (motion && motion.idle === 0) {
    [status, shown] = ["speaking", "Speaking"];
  }
  if (status === "live" && speech.source === "microphone") shown = "Listening to you";
  const page = document.body.dataset;
  page.status = status;
  if (veil) page.veil = veil;
  else delete page.veil;
  if ($("status-text").textContent !== shown) $("status-text").textContent = shown;
  $("veil-title").textContent = title;
  if ($("veil-text").dataset.text !== body + command) {
    $("veil-text").dataset.text = body + command;
    $("veil-text").textContent = body;
    if (command) $("veil-text").append(Object.assign(document.createElement("code"), { textContent: command }));
  }
  for (const id of ["talk", "file"]) $(id).disabled = !socket.alive;
  $("interrupt").disabled = !socket.alive;
}

function complain(text) {
  $("error-text").textContent = text;
  $("error").hidden = !text;
}

async function attempt(work) {
  complain("");
  try {
    await work();
  } catch (error) {
    complain(error instanceof SpeechError ? error.message : `That did not work: ${error.message}`);
    if (!(error instanceof SpeechError)) console.error(error);
  }
}

// Talk, play, interrupt

const talk = () => attempt(() => (speech.source === "microphone" ? speech.stop() : speech.startMicrophone()));
const interrupt = () => attempt(async () => {
  const answer = await socket.say({ type: "interrupt" });
  if (!answer.ok) throw new SpeechError(answer.text);
});
const chooseFile = () => (speech.source === "file" ? interrupt() : $("picker").click());

const typed = setUpSay({ say: (message) => socket.say(message), attempt, interrupt, complain });
const upload = setUpUpload();

$("talk").onclick = talk;
$("interrupt").onclick = interrupt;
$("file").onclick = chooseFile;
$("picker").onchange = () => {
  const [file] = $("picker").files;
  $("picker").value = "";
  if (file) attempt(() => speech.playFile(file, limits.max_speech_seconds));
};
$("error-close").onclick = () => complain("");
speech.addEventListener("change", () => {
  $("talk").setAttribute("aria-pressed", String(speech.source === "microphone"));
  $("talk-label").textContent = speech.source === "microphone" ? "Stop" : "Talk";
  $("file").setAttribute("aria-pressed", String(speech.source === "file"));
  $("file-label").textContent = speech.source === "file" ? "Stop the file" : "Play a file";
  applySound();
  update();
});
speech.addEventListener("level", ({ detail }) => $("level").style.setProperty("--level", (1 + Math.min(0.6, Math.sqrt(detail))).toFixed(3)));
speech.addEventListener("trouble", ({ detail }) => complain(detail));
window.addEventListener("dragover", (event) => event.preventDefault());
window.addEventListener("drop", (event) => {
  event.preventDefault();
  const [file] = event.dataTransfer?.files ?? [];
  if (file?.type.startsWith("image/")) upload.send(file);
  else if (file) attempt(() => speech.playFile(file, limits.max_speech_seconds));
});

// Sound

let soundWanted = true;
function applySound() {
  const own = speech.source === "microphone" && !$("hear").checked;
  media.setMuted(!soundWanted || own || silenced);
  $("sound").setAttribute("aria-pressed", String(soundWanted && !silenced));
  $("unmute").hidden = !silenced;
}
let silenced = false; // a page may not make a sound before it was touched
media.addEventListener("silenced", () => { silenced = true; applySound(); });
async function allowSound() {
  silenced = false;
  soundWanted = true;
  applySound();
  media.video.play().catch(() => {});
}
$("unmute").onclick = allowSound;
const toggleSound = () => { if (silenced) return allowSound(); soundWanted = !soundWanted; applySound(); };
$("sound").onclick = toggleSound;
$("hear").onchange = applySound;

// Manner

function offerChoices(id, name, values, choose) {
  const parent = $(id);
  if ([...parent.querySelectorAll("input")].map((input) => input.value).join("\n") === values.join("\n")) return;
  parent.querySelectorAll("label").forEach((label) => label.remove());
  for (const value of values) {
    const label = document.createElement("label");
    const input = Object.assign(document.createElement("input"), { type: "radio", name, value });
    const text = Object.assign(document.createElement("span"), { textContent: value });
    input.onchange = () => choose(value);
    label.append(input, text);
    parent.append(label);
  }
}

const chosen = (name) => document.querySelector(`input[name="${name}"]:checked`)?.value;
const intensity = () => Number($("intensity").value) / 100;

function wish(message, ...names) {
  for (const name of names) wanted[name] = performance.now() + 2500;
  return attempt(async () => {
    const answer = await socket.say(message);
    if (!answer.ok) {
      for (const name of names) delete wanted[name];
      throw new SpeechError(answer.text);
    }
  });
}
const express = () => wish({ type: "express", emotion: chosen("emotion") ?? "neutral", intensity: intensity() }, "emotion", "intensity");
$("intensity").oninput = () => { $("intensity-value").textContent = `${$("intensity").value} %`; wanted.intensity = performance.now() + 2500; };
$("intensity").onchange = express;

function offerScales(names) {
  if (names.join() === scales.join()) return;
  scales = names;
  $("scales").replaceChildren(...names.map(slider));
}
function slider(name) {
  const label = Object.assign(document.createElement("label"), { className: "slider" });
  const output = Object.assign(document.createElement("output"), { textContent: "100 %", id: `${name}-value` });
  const input = Object.assign(document.createElement("input"), { type: "range", min: 0, max: 200, step: 10, value: 100, id: `${name}-scale` });
  output.setAttribute("for", input.id);
  label.append(Object.assign(document.createElement("span"), { textContent: TITLES[name] ?? name }), output, input);
  input.oninput = () => { output.textContent = `${input.value} %`; wanted[`${name}_scale`] = performance.now() + 2500; };
  input.onchange = () => wish({ type: "scale", name, value: Number(input.value) / 100 }, `${name}_scale`);
  return label;
}
$("reset").onclick = () => {
  for (const name of scales) {
    const input = $(`${name}-scale`);
    if (input.value === "100") continue;
    input.value = 100;
    input.oninput();
    input.onchange();
  }
};

// What is in force, unless it is being changed here right now.
function showSteering(steering) {
  const free = (name) => !(wanted[name] > performance.now()) && steering[name] !== undefined;
  for (const name of ["style", "emotion", "portrait"]) {
    const chosenBefore = free(name) && !steering[name] && document.querySelector(`input[name="${name}"]:checked`);
    if (chosenBefore) chosenBefore.checked = false; // none of those that are offered
    const input = free(name) && document.querySelector(`input[name="${name}"][value="${CSS.escape(String(steering[name]))}"]`);
    if (input) input.checked = true;
  }
  const slide = (id, value) => {
    if (document.activeElement === $(id) && $(id).matches(":active")) return;
    $(id).value = Math.round(value * 100);
    $(id.replace("-scale", "") + "-value").textContent = `${Math.round(value * 100)} %`;
  };
  if (free("intensity")) slide("intensity", steering.intensity);
  for (const name of scales) if (free(`${name}_scale`)) slide(`${name}-scale`, steering[`${name}_scale`]);
}

// Where it looks: at the pointer over the picture while that is asked for; at a place of the picture that is clicked on.

const LOOK_MS = 120;
const [EYES_HIGH, DISTANCE, WIDTH] = [0.3, 0.6, 0.7]; // of the picture's height; metres: of the pointer before it, across the picture
let lookedAt = 0;
function lookAt(event) {
  const box = $("frame").getBoundingClientRect();
  const y = ((event.clientX - box.left) / box.width - 0.5) * WIDTH; // the avatar's left is to the viewer's right
  const z = (EYES_HIGH - (event.clientY - box.top) / box.height) * WIDTH * (box.height / box.width);
  return socket.say({ type: "look", x: DISTANCE, y, z });
}
$("frame").addEventListener("pointermove", (event) => {
  if (!$("follow").checked || !socket.alive || performance.now() - lookedAt < LOOK_MS) return;
  lookedAt = performance.now();
  lookAt(event).catch(() => {}); // the next movement tries again
});
for (const id of ["video", "canvas"]) $(id).addEventListener("click", (event) => attempt(async () => {
  const answer = await lookAt(event);
  if (!answer.ok) throw new SpeechError(answer.text);
}));

// Recording, in the browser

let recorder = null;
let ticking = 0;
function record() {
  if (recorder) return recorder.stop();
  return attempt(async () => {
    const type = ["video/webm;codecs=vp8,opus", "video/mp4", "video/webm"].find((one) => window.MediaRecorder?.isTypeSupported(one));
    if (!type) throw new SpeechError("This browser cannot record.");
    const stream = media.recording();
    if (!stream?.getTracks().length) throw new SpeechError("There is no picture to record yet.");
    const parts = [];
    const made = (recorder = new MediaRecorder(stream, { mimeType: type, videoBitsPerSecond: 4e6 }));
    const begun = performance.now();
    made.ondataavailable = ({ data }) => { if (data.size) parts.push(data); };
    made.onstop = () => {
      recorder = null;
      clearInterval(ticking);
      showRecording(0);
      if (parts.length) save(new Blob(parts, { type }), type.startsWith("video/mp4") ? "mp4" : "webm");
    };
    made.onerror = ({ error }) => complain(`The recording ended: ${error?.message ?? "the browser does not say why"}`);
    made.start(1000);
    showRecording(begun);
    ticking = setInterval(() => showRecording(begun), 500);
  });
}
function showRecording(begun) {
  const seconds = Math.floor((performance.now() - begun) / 1000);
  $("record").setAttribute("aria-pressed", String(Boolean(recorder)));
  $("record").title = recorder ? `Recording: ${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")} (R stops it)` : "Record (R)";
}
function save(blob, ending) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = `visavis-${new Date().toISOString().slice(0, 19).replace(/[:T]/g, "-")}.${ending}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}
$("record").onclick = record;

// Figures

const STAGES = [
  ["motion_diffusion", "motion", "--curve"],
  ["control_render", "control", "--second"],
  ["video_generation", "picture", "--third"],
  ["web_bridge", "page", "--fourth"],
];
const plots = {
  fps: new Plot($("figures"), { title: "Pictures a second", unit: "shown here", digits: 0, series: [{ colour: "--curve" }], range: [0, 33], guide: 30 }),
  offset: new Plot($("figures"), { title: "Picture after sound", unit: "ms", digits: 1, series: [{ colour: "--curve" }], range: [-40, 40], guide: 0 }),
  latency: new Plot($("figures"), { title: "From sound to stage", unit: "ms to the page", series: STAGES.map(([, name, colour]) => ({ name, colour })), range: [0, 500], wide: true }),
};
let before = null;
let lost = Infinity;

async function showFigures({ nodes, viewers }) {
  const stats = await media.stats().catch(() => null);
  const now = performance.now();
  const rate = (key) => (stats && before && stats[key] >= before[key] ? ((stats[key] - before[key]) * 1000) / (now - before.at) : null);
  const fps = rate("shown");
  plots.fps.show(fps, [fps === null ? null : Math.min(fps, 36)]);
  const offset = nodes.video_generation?.av_offset_ms ?? null;
  plots.offset.show(offset, [offset]);
  const latencies = STAGES.map(([name]) => nodes[name]?.latency_p50_ms ?? null);
  plots.latency.show(latencies.at(-1), latencies);
  const megabits = rate("bytes");
  const drops = Object.values(nodes).reduce((sum, node) => sum + (node.drops || 0), 0);
  const trouble = Object.entries(nodes).filter(([, node]) => node.level > 0 && node.message);
  const facts = [
    ["Way of the picture", media.mode === "pictures" ? "single pictures" : media.mode === "webrtc" ? "WebRTC" : "–"],
    ["Rate", megabits === null ? "–" : `${((megabits * 8) / 1e6).toFixed(1)} Mbit/s`],
    ["First picture after", media.firstPictureMs ? `${(media.firstPictureMs / 1000).toFixed(2)} s` : "–"],
    ["Pages open", String(viewers)],
    ["Lost in the graph", String(drops), drops > lost],
    ...trouble.map(([name, node]) => [name, node.message, true]),
  ];
  $("facts").replaceChildren(...facts.map(([name, value, warn]) => {
    const row = document.createElement("div");
    row.append(Object.assign(document.createElement("dt"), { textContent: name }), Object.assign(document.createElement("dd"), { textContent: value, className: warn ? "warn" : "" }));
    return row;
  }));
  before = stats && { ...stats, at: now };
  lost = drops;
}
const redraw = () => Object.values(plots).forEach((plot) => plot.draw());
window.addEventListener("resize", redraw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);

// Keys

function nextEmotion(step) {
  const all = [...document.querySelectorAll('input[name="emotion"]')];
  if (!all.length) return;
  const at = all.findIndex((input) => input.checked);
  all[(at + step + all.length) % all.length].checked = true;
  express();
}
function moreIntensity(step) {
  $("intensity").value = Number($("intensity").value) + step;
  $("intensity").oninput();
  express();
}
const fullScreen = () => (document.fullscreenElement ? document.exitFullscreen() : $("frame").requestFullscreen?.());
$("full").onclick = fullScreen;
const KEYS = {
  t: talk, "/": () => typed.focus(), p: chooseFile, r: record, escape: interrupt, m: toggleSound, f: fullScreen,
  e: (event) => nextEmotion(event.shiftKey ? -1 : 1), "+": () => moreIntensity(10), "=": () => moreIntensity(10), "-": () => moreIntensity(-10),
};
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.target.matches?.("input[type=text], input[type=password], textarea")) return;
  const key = event.key.toLowerCase();
  const style = /^[1-9]$/.test(key) && document.querySelectorAll('input[name="style"]')[Number(key) - 1];
  if (style) { style.checked = true; style.onchange(); }
  else if (KEYS[key]) KEYS[key](event);
  else return;
  event.preventDefault();
});

media.addEventListener("picture", () => { if (document.body.dataset.veil) update(); });
media.addEventListener("mode", update);
setInterval(update, 1000);
// For measurements and tests.
window.visavis = { media, speech, socket };
applySound();
connect();
update();
