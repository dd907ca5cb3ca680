// Picture and sound in step, more closely than browsers keep them: those leave them up to 30 ms apart before they do anything. Sound is
// given a delay that it need not change now and then; the picture, whose delay can be set to the millisecond, is held back until both are
// of the same moment. Only where the picture comes late all by itself, sound waits for it.

const OFTEN_MS = 400; // how often is looked while they are apart, and while they are not
const SELDOM_MS = 1000;
const SAMPLES = 5; // of which the middle one counts
const SETTLE = 4; // looks that are left out after a change, until the buffers have followed
const IN_STEP_MS = 6;
const SHARE = 0.7; // of what is wanting is made good at once: some of it may go by itself
const [SOUND_MS, PICTURE_MS] = [100, 80]; // at first, and the sound at least: about what makes them even on a near network
const MOST_MS = 250;
const FAR_MS = 150; // farther apart something else is wrong, and the browser, which has no limits, mends it better alone

// What to hold back instead. ahead: ms by which what is seen was made later than what is heard; sound, picture, and so the answer: the
// least that each is held back, ms; waits: what the picture really waits. Whatever is held back without need is let go first.
export function correct(ahead, sound, picture, waits) {
  if (ahead > 0) {
    const less = Math.min(ahead, sound - SOUND_MS);
    return [sound - less, Math.min(Math.max(picture, waits) + ahead - less, MOST_MS)];
  }
  const less = waits > picture + IN_STEP_MS ? 0 : Math.min(-ahead, picture); // one that waits longer by itself does not hear of it
  return [Math.min(sound - ahead - less, MOST_MS), waits > picture + IN_STEP_MS ? 0 : picture - less];
}

export class Sync {
  // peer: RTCPeerConnection that receives both; look() -> Promise of what Media.stats gives; later() -> ms by which sound is heard later
  // than the browser believes.
  constructor(peer, look, later = () => 0) {
    const receiver = (kind) => peer.getReceivers().find(({ track }) => track.kind === kind);
    [this.sound, this.picture] = [receiver("audio"), receiver("video")];
    this.look = look;
    this.soundLater = later;
    this.ahead = null;
    this.held = [SOUND_MS, PICTURE_MS];
    this.changes = 0;
    this.seen = [];
    this.skip = SETTLE;
    if (!("jitterBufferTarget" in this.sound)) return; // such a browser keeps them in step as it does
    this.hold();
    this.later(OFTEN_MS);
  }

  stop() {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  later(ms) {
    if (!this.stopped) this.timer = setTimeout(() => this.step().catch(() => {}).finally(() => this.later(this.seen.length < SAMPLES ? OFTEN_MS : SELDOM_MS)), ms);
  }

  hold() {
    const [sound, picture] = this.held;
    this.sound.jitterBufferTarget = Math.round(sound);
    this.picture.jitterBufferTarget = picture > 0 ? Math.round(picture) : null;
  }

  async step() {
    const found = await this.look();
    if (!found) return;
    const before = this.waited ?? found.waited;
    this.waited = found.waited;
    const frames = found.waited.frames - before.frames;
    if (this.skip > 0) this.skip -= 1;
    else if (found.offset !== null && frames > 0) this.seen.push([found.offset + this.soundLater(), (1000 * (found.waited.seconds - before.seconds)) / frames]);
    if (this.seen.length <= SAMPLES) return;
    this.seen.shift();
    const [ahead, waits] = [0, 1].map((which) => this.seen.map((one) => one[which]).sort((a, b) => a - b)[SAMPLES >> 1]);
    this.ahead = ahead;
    if (Math.abs(ahead) <= IN_STEP_MS) return;
    this.held = Math.abs(ahead) > FAR_MS ? [SOUND_MS, 0] : correct(SHARE * ahead, ...this.held, waits);
    this.changes += 1;
    this.hold();
    this.seen = [];
    this.skip = SETTLE;
  }
}
