// Sound from files and from the microphone, at the rate of the model.

import { ApiError } from "./api.js";

const LONGEST_S = 600;
const TAPS = 16; // zero crossings of the low-pass on each side

/** Changes the rate of sound that arrives in blocks, by a windowed sinc. */
export class Resampler {
  constructor(from, to) {
    this.step = from / to; // samples that come for one that goes
    this.cutoff = Math.min(1, to / from) * (from === to ? 1 : 0.95);
    this.half = Math.ceil(TAPS / this.cutoff);
    this.known = new Float32Array(this.half); // silence before the beginning
    this.next = this.half; // place of the next output among the known samples
  }

  feed(samples) {
    if (this.step === 1) return samples;
    const { half, cutoff, step } = this;
    const known = joined([this.known, samples]);
    const made = [];
    for (; this.next + half < known.length; this.next += step) {
      const place = Math.floor(this.next);
      let sum = 0;
      for (let n = place - half + 1; n <= place + half; n++) {
        const x = n - this.next;
        const angle = Math.PI * cutoff * x;
        const sinc = Math.abs(angle) < 1e-9 ? 1 : Math.sin(angle) / angle;
        sum += known[n] * cutoff * sinc * (0.5 + 0.5 * Math.cos((Math.PI * x) / half));
      }
      made.push(sum);
    }
    const past = Math.max(0, Math.min(Math.floor(this.next) - half + 1, known.length));
    this.known = known.slice(past);
    this.next -= past;
    return Float32Array.from(made);
  }
}

export function joined(blocks) {
  const all = new Float32Array(blocks.reduce((sum, block) => sum + block.length, 0));
  let at = 0;
  for (const block of blocks) {
    all.set(block, at);
    at += block.length;
  }
  return all;
}

/** Blocks that one side gives and the other takes when there are enough samples. */
export class Queue {
  constructor() {
    this.blocks = [];
    this.length = 0;
    this.ended = false;
    this.wake = () => {};
  }

  push(block) {
    if (this.ended) return;
    this.blocks.push(block);
    this.length += block.length;
    this.wake();
  }

  end() {
    this.ended = true;
    this.wake();
  }

  /** Returns all there is once it is `least` samples, or null after the end. */
  async take(least) {
    while (this.length < least && !this.ended) {
      await new Promise((resolve) => { this.wake = resolve; });
    }
    if (!this.length) return null;
    const all = joined(this.blocks);
    this.blocks = [];
    this.length = 0;
    return all;
  }
}

/** Returns the samples of an audio file at a rate, its channels averaged. */
export async function readAudio(file, rate) {
  const bytes = await file.arrayBuffer();
  let decoded;
  try { // decoding brings sound to the rate of the context
    decoded = await new OfflineAudioContext(1, 1, rate).decodeAudioData(bytes);
  } catch {
    throw new ApiError(`${file.name ?? "The file"} cannot be read as sound.`,
      "Choose a WAV file, or another format that your browser plays.");
  }
  if (!decoded.length) {
    throw new ApiError(`${file.name ?? "The file"} holds no sound.`, "Choose another.");
  }
  if (decoded.duration > LONGEST_S) {
    throw new ApiError("This recording is longer than ten minutes.",
      "Cut it, or use `python -m apps.speech_commands.listen FILE`.");
  }
  const mean = new Float32Array(decoded.length);
  for (let channel = 0; channel < decoded.numberOfChannels; channel++) {
    decoded.getChannelData(channel).forEach((value, n) => {
      mean[n] += value / decoded.numberOfChannels;
    });
  }
  return mean;
}

/**
 * Opens the microphone.
 * @param rate Samples a second of what `onBlock` gets.
 * @param onBlock Called with blocks of samples.
 * @param onEnd Called when the microphone goes away.
 * @returns A function that closes it.
 */
export async function openMicrophone(rate, onBlock, onEnd) {
  if (!navigator.mediaDevices?.getUserMedia) {
    throw new ApiError("Here the browser gives no page the microphone.",
      `It does so on https and on localhost: open http://localhost:${location.port}/, ` +
      "on the machine that serves, or choose a recording.");
  }
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({
      audio: { channelCount: 1, echoCancellation: false, noiseSuppression: false },
    });
  } catch (error) {
    throw refusal(error);
  }
  const context = new AudioContext();
  const resampler = new Resampler(context.sampleRate, rate);
  const source = context.createMediaStreamSource(stream);
  const node = await listeningNode(context, (block) => onBlock(resampler.feed(block)));
  source.connect(node).connect(context.destination); // silence, but it keeps it awake
  stream.getTracks().forEach((track) => track.addEventListener("ended", onEnd));
  return () => {
    source.disconnect();
    node.disconnect();
    stream.getTracks().forEach((track) => track.stop());
    if (context.state !== "closed") context.close();
  };
}

/** Returns a node that hands on blocks of sound, in a thread of its own if it can. */
async function listeningNode(context, onBlock) {
  try {
    await context.audioWorklet.addModule(
      new URL("./microphone-worklet.js", import.meta.url));
    const node = new AudioWorkletNode(context, "microphone");
    node.port.onmessage = ({ data }) => onBlock(data);
    return node;
  } catch (error) {
    console.warn("No AudioWorklet; the page itself takes the sound.", error);
  }
  const node = context.createScriptProcessor(2048, 1, 1);
  node.onaudioprocess = ({ inputBuffer }) =>
    onBlock(inputBuffer.getChannelData(0).slice());
  return node;
}

function refusal(error) {
  if (error.name === "NotAllowedError" || error.name === "SecurityError") {
    return new ApiError("The browser was not allowed to use the microphone.",
      "Allow it, by the sign at the left of the address bar, and press Listen again; " +
      "or choose a recording.");
  }
  if (error.name === "NotFoundError") {
    return new ApiError("No microphone was found.",
      "Connect one and press Listen again, or choose a recording.");
  }
  return new ApiError(`The microphone could not be opened (${error.name}).`,
    "Perhaps another program uses it. Close that and press Listen again, or choose a " +
    "recording.");
}
