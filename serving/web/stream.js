// Sound that is sent to a model in chunks; its state comes back and goes along.

import { ApiError, firstCarry, stale } from "./api.js";
import { joined } from "./audio.js";
import { Listener } from "./detector.js";

export const MODEL = "speech_commands";
const MOST_FRAMES = 250; // in one request

/** Numbers short enough to send, finer than 16-bit sound. */
export const sendable = (samples) =>
  Array.from(samples, (value) => Math.round(value * 1e6) / 1e6);

export class Stream {
  /** Returns a stream, or null if the served model needs whole clips. */
  static async open(api, signal) {
    const signature = await api.signature(MODEL, "stream", signal);
    if (!signature) return null;
    const carry = firstCarry(signature, ["samples"]);
    const answer = await api.predict(MODEL, "stream", { samples: [[]], ...carry },
      { signal });
    if (!answer.labels || !answer.sample_rate_hz || !answer.hop) {
      throw new ApiError("The served model does not say what it listens for.",
        stale(MODEL));
    }
    return new Stream(api, carry, answer);
  }

  constructor(api, carry, { labels, sample_rate_hz: rate, hop }) {
    this.api = api;
    this.carry = carry;
    this.labels = labels[0];
    this.rate = rate[0];
    this.hop = hop[0];
    this.listener = new Listener(this.labels, this.hop / this.rate);
    this.rest = new Float32Array(0);
  }

  /**
   * Takes the next samples, any number of them.
   * @returns Smoothed posteriors of the frames that are complete, and the detections.
   */
  async feed(samples, signal) {
    const sound = joined([this.rest, samples]);
    const whole = Math.floor(sound.length / this.hop) * this.hop;
    this.rest = sound.slice(whole);
    const smoothed = [], detections = [];
    const piece = MOST_FRAMES * this.hop;
    for (let start = 0; start < whole; start += piece) {
      const part = sound.slice(start, Math.min(start + piece, whole));
      const answer = await this.api.predict(MODEL, "stream",
        { samples: [sendable(part)], ...this.carry }, { signal });
      for (const name of Object.keys(this.carry)) this.carry[name] = answer[name];
      const found = this.listener.feed(answer.posteriors[0]);
      smoothed.push(...found.smoothed);
      detections.push(...found.detections);
    }
    return { smoothed, detections };
  }
}
