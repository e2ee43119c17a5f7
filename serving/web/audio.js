// Reads audio files and the microphone at the model's sample rate.

import { ApiError } from "./api.js";

const MAX_DURATION_S = 600;
const TAPS = 16; // zero crossings of the low-pass filter on each side

/** Resamples audio that arrives in blocks, with a windowed sinc filter. */
export class Resampler {
  constructor(from, to) {
    this.step = from / to; // input samples per output sample
    this.cutoff = Math.min(1, to / from) * (from === to ? 1 : 0.95);
    this.half = Math.ceil(TAPS / this.cutoff);
    this.recent = new Float32Array(this.half); // silence before the first sample
    this.next = this.half; // position of the next output in `recent`
  }

  feed(samples) {
    if (this.step === 1) return samples;
    const { half, cutoff, step } = this;
    const input = joined([this.recent, samples]);
    const output = [];
    for (; this.next + half < input.length; this.next += step) {
      const place = Math.floor(this.next);
      let sum = 0;
      for (let n = place - half + 1; n <= place + half; n++) {
        const x = n - this.next;
        const angle = Math.PI * cutoff * x;
        const sinc = Math.abs(angle) < 1e-9 ? 1 : Math.sin(angle) / angle;
        sum += input[n] * cutoff * sinc * (0.5 + 0.5 * Math.cos((Math.PI * x) / half));
      }
      output.push(sum);
    }
    const past = Math.max(0, Math.min(Math.floor(this.next) - half + 1, input.length));
    this.recent = input.slice(past);
    this.next -= past;
    return Float32Array.from(output);
  }
}

/** Returns blocks of samples as one array. */
export function joined(blocks) {
  const all = new Float32Array(blocks.reduce((sum, block) => sum + block.length, 0));
  let at = 0;
  for (const block of blocks) {
    all.set(block, at);
    at += block.length;
  }
  return all;
}

/** A queue of blocks of samples: one side pushes, the other awaits enough samples. */
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

  /** Returns all samples once there are `minimum`, or null after the end. */
  async take(minimum) {
    while (this.length < minimum && !this.ended) {
      await new Promise((resolve) => { this.wake = resolve; });
    }
    if (!this.length) return null;
    const all = joined(this.blocks);
    this.blocks = [];
    this.length = 0;
    return all;
  }
}

/** Returns the samples of an audio file at a sample rate; averages its channels. */
export async function readAudio(file, rate) {
  const bytes = await file.arrayBuffer();
  let decoded;
  try { // decoding resamples to the rate of the context
    decoded = await new OfflineAudioContext(1, 1, rate).decodeAudioData(bytes);
  } catch {
    throw new ApiError(`${file.name ?? "The file"} is not audio that this browser can read.`,
      "Choose a WAV file, or another format that your browser plays.");
  }
  if (!decoded.length) {
    throw new ApiError(`${file.name ?? "The file"} has no samples.`, "Choose another.");
  }
  if (decoded.duration > MAX_DURATION_S) {
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
 * @param rate Sample rate of the blocks, in Hz.
 * @param onBlock Called with each block of samples.
 * @param onEnd Called when the microphone is disconnected.
 * @returns A function that closes the microphone.
 */
export async function openMicrophone(rate, onBlock, onEnd) {
  if (!navigator.mediaDevices?.getUserMedia) {
    throw new ApiError("The browser allows no page at this address to use the microphone.",
      `It allows https and localhost: open http://localhost:${location.port}/ on the ` +
      "machine that serves this page, or choose a recording.");
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
  source.connect(node).connect(context.destination); // silent, but without it the node does not run
  stream.getTracks().forEach((track) => track.addEventListener("ended", onEnd));
  return () => {
    source.disconnect();
    node.disconnect();
    stream.getTracks().forEach((track) => track.stop());
    if (context.state !== "closed") context.close();
  };
}

/** Returns a node that sends blocks of samples, from an audio thread if possible. */
async function listeningNode(context, onBlock) {
  try {
    await context.audioWorklet.addModule(
      new URL("./microphone-worklet.js", import.meta.url));
    const node = new AudioWorkletNode(context, "microphone");
    node.port.onmessage = ({ data }) => onBlock(data);
    return node;
  } catch (error) {
    console.warn("No AudioWorklet: using a ScriptProcessorNode.", error);
  }
  const node = context.createScriptProcessor(2048, 1, 1);
  node.onaudioprocess = ({ inputBuffer }) =>
    onBlock(inputBuffer.getChannelData(0).slice());
  return node;
}

function refusal(error) {
  if (error.name === "NotAllowedError" || error.name === "SecurityError") {
    return new ApiError("The browser was not allowed to use the microphone.",
      "Allow it with the icon at the left of the address bar and press Listen again, " +
      "or choose a recording.");
  }
  if (error.name === "NotFoundError") {
    return new ApiError("No microphone was found.",
      "Connect one and press Listen again, or choose a recording.");
  }
  return new ApiError(`The microphone could not be opened (${error.name}).`,
    "If another program uses it, close that program and press Listen again, or choose " +
    "a recording.");
}
