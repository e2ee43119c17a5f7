// Sends audio to a model in chunks, each with the state that the last call returned.

import { ApiError, initialState, stale } from "./api.js";
import { joined } from "./audio.js";
import { DEFAULTS, Listener } from "./detector.js";

export const MODEL = "speech_commands";
const MAX_FRAMES = 250; // in one request

/** Rounds samples to six decimals: shorter to send, finer than 16 bits. */
export const sendable = (samples) =>
  Array.from(samples, (value) => Math.round(value * 1e6) / 1e6);

export class Stream {
  /** Returns a stream, or null if the served model takes whole clips only. */
  static async open(api, signal) {
    const signature = await api.signature(MODEL, "stream", signal);
    if (!signature) return null;
    const state = initialState(signature, ["samples"]);
    const answer = await api.predict(MODEL, "stream", { samples: [[]], ...state },
      { signal });
    if (!answer.labels || !answer.sample_rate_hz || !answer.hop) {
      throw new ApiError("The served model does not return its labels and sample rate.",
        stale(MODEL));
    }
    return new Stream(api, state, answer);
  }

  constructor(api, state, { labels, sample_rate_hz: rate, hop, ...others }) {
    this.api = api;
    this.state = state;
    this.labels = labels[0];
    this.rate = rate[0];
    this.hop = hop[0];
    const settings = Object.fromEntries(Object.keys(DEFAULTS)
      .filter((name) => name in others).map((name) => [name, others[name][0]]));
    this.listener = new Listener(this.labels, this.hop / this.rate, settings);
    this.rest = new Float32Array(0);
  }

  /**
   * Sends the next samples, any number of them.
   * @returns Smoothed posteriors of the complete frames, and the detections.
   */
  async feed(samples, signal) {
    const sound = joined([this.rest, samples]);
    const whole = Math.floor(sound.length / this.hop) * this.hop;
    this.rest = sound.slice(whole);
    const smoothed = [], detections = [];
    const piece = MAX_FRAMES * this.hop;
    for (let start = 0; start < whole; start += piece) {
      const part = sound.slice(start, Math.min(start + piece, whole));
      const answer = await this.api.predict(MODEL, "stream",
        { samples: [sendable(part)], ...this.state }, { signal });
      for (const name of Object.keys(this.state)) this.state[name] = answer[name];
      const next = this.listener.feed(answer.posteriors[0]);
      smoothed.push(...next.smoothed);
      detections.push(...next.detections);
    }
    return { smoothed, detections };
  }
}
