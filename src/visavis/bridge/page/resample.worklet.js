// Whatever rate the browser's sound has to 16 kHz mono int16, in blocks of 40 ms: a windowed sinc, looked up in a table.

const RATE = 16000;
const BLOCK = 640;
const CROSSINGS = 16; // zero crossings of the sinc on either side
const STEPS = 512; // table entries between two crossings

function kernel() {
  const table = new Float32Array(CROSSINGS * STEPS + 2);
  for (let i = 0; i <= CROSSINGS * STEPS; i++) {
    const x = i / STEPS;
    const sinc = x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
    const window = 0.42 + 0.5 * Math.cos((Math.PI * x) / CROSSINGS) + 0.08 * Math.cos((2 * Math.PI * x) / CROSSINGS); // Blackman
    table[i] = sinc * window;
  }
  return table;
}

class Resampler extends AudioWorkletProcessor {
  constructor() {
    super();
    this.table = kernel();
    this.step = sampleRate / RATE;
    this.cutoff = 0.94 * Math.min(1, RATE / sampleRate);
    this.half = Math.ceil(CROSSINGS / this.cutoff);
    this.kept = new Float32Array(this.half); // silence before the first sample, so that it has neighbours
    this.position = this.half;
    this.block = new Int16Array(BLOCK);
    this.filled = 0;
    this.stopped = false;
    this.port.onmessage = () => { this.stopped = true; };
  }

  process(inputs) {
    const channels = inputs[0];
    if (this.stopped) {
      this.port.postMessage(this.block.slice(0, this.filled));
      this.port.postMessage(null);
      return false;
    }
    if (!channels.length) return true;
    const length = channels[0].length;
    const samples = new Float32Array(this.kept.length + length);
    samples.set(this.kept);
    for (let i = 0; i < length; i++) {
      let sum = 0;
      for (const channel of channels) sum += channel[i];
      samples[this.kept.length + i] = sum / channels.length;
    }
    while (this.position + this.half < samples.length) {
      this.push(this.at(samples, this.position));
      this.position += this.step;
    }
    const drop = Math.max(0, Math.floor(this.position) - this.half);
    this.kept = samples.slice(drop);
    this.position -= drop;
    return true;
  }

  at(samples, position) {
    let sum = 0;
    for (let i = Math.max(0, Math.ceil(position - this.half)); i <= position + this.half; i++) {
      const x = Math.abs(i - position) * this.cutoff * STEPS;
      const whole = Math.floor(x);
      if (whole >= CROSSINGS * STEPS) continue;
      const part = x - whole;
      sum += samples[i] * (this.table[whole] * (1 - part) + this.table[whole + 1] * part);
    }
    return sum * this.cutoff;
  }

  push(value) {
    this.block[this.filled++] = Math.max(-32768, Math.min(32767, Math.round(value * 32767)));
    if (this.filled === BLOCK) {
      this.port.postMessage(this.block);
      this.block = new Int16Array(BLOCK);
      this.filled = 0;
    }
  }
}

registerProcessor("resampler", Resampler);
