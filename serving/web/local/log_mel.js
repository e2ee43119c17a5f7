// Log-mel frames of sound, as apps/speech_commands/features.py computes them.

import { joined } from "../audio.js";

const LOWEST_HZ = 20, HIGHEST_HZ = 7600;
const FLOOR = 1e-6; // added to the power: the logarithm of digital silence is finite

const melOf = (hz) => 1127 * Math.log(1 + hz / 700);

/** Returns weights `bands` x `bins`, as tf.signal.linear_to_mel_weight_matrix does. */
function melWeights(bands, bins, rate) {
  const low = melOf(LOWEST_HZ), high = melOf(Math.min(HIGHEST_HZ, rate / 2));
  const edge = (n) => low + ((high - low) * n) / (bands + 1);
  return Array.from({ length: bands }, (_, band) => {
    const [from, centre, to] = [edge(band), edge(band + 1), edge(band + 2)];
    return Float64Array.from({ length: bins }, (__, bin) => {
      const mel = melOf((rate / 2) * (bin / (bins - 1)));
      const weight = Math.min((mel - from) / (centre - from), (to - mel) / (to - centre));
      return bin ? Math.max(0, weight) : 0;
    });
  });
}

/** Computes the power spectrum of real signals whose length is a power of 2. */
class PowerSpectrum {
  constructor(length) {
    this.length = length;
    this.real = new Float64Array(length);
    this.imaginary = new Float64Array(length);
    const angle = (n) => (-2 * Math.PI * n) / length;
    this.cosines = Float64Array.from({ length: length / 2 }, (_, n) => Math.cos(angle(n)));
    this.sines = Float64Array.from({ length: length / 2 }, (_, n) => Math.sin(angle(n)));
    this.order = new Uint32Array(length); // places with their bits reversed
    for (let n = 1; n < length; n++) {
      this.order[n] = (this.order[n >> 1] >> 1) + (n & 1 ? length / 2 : 0);
    }
  }

  /** @returns Power of the first `length / 2 + 1` frequencies of `signal(n)`. */
  of(signal) {
    const { length, real, imaginary, cosines, sines } = this;
    for (let n = 0; n < length; n++) real[n] = signal(this.order[n]);
    imaginary.fill(0);
    for (let half = 1; half < length; half *= 2) {
      for (let begin = 0; begin < length; begin += 2 * half) {
        for (let n = 0; n < half; n++) {
          const a = begin + n, b = a + half, turn = (n * length) / (2 * half);
          const x = real[b] * cosines[turn] - imaginary[b] * sines[turn];
          const y = real[b] * sines[turn] + imaginary[b] * cosines[turn];
          real[b] = real[a] - x;
          imaginary[b] = imaginary[a] - y;
          real[a] += x;
          imaginary[a] += y;
        }
      }
    }
    return Float64Array.from({ length: length / 2 + 1 }, (_, n) =>
      real[n] ** 2 + imaginary[n] ** 2);
  }
}

export class LogMel {
  /**
   * @param rate Sample rate in Hz.
   * @param window Length of a frame's window, in samples.
   * @param hop Samples from one frame to the next, at most `window`.
   * @param bands Number of mel bands.
   */
  constructor(rate, window, hop, bands) {
    Object.assign(this, { window, hop, bands, context: window - hop });
    this.spectrum = new PowerSpectrum(2 ** Math.ceil(Math.log2(window)));
    this.weights = melWeights(bands, this.spectrum.length / 2 + 1, rate);
    // As TensorFlow: an odd window is divided by one sample less; one sample counts whole.
    const period = window - (window % 2);
    this.hann = Float64Array.from({ length: window }, (_, n) =>
      (window === 1 ? 1 : 0.5 - 0.5 * Math.cos((2 * Math.PI * n) / period)));
  }

  /**
   * @param samples Samples between -1 and 1.
   * @param before The previous `context` samples; by default silence.
   * @returns Float32Array, `bands` numbers for each of the `samples / hop` frames.
   */
  frames(samples, before = new Float32Array(this.context)) {
    const { window, hop, bands, hann } = this;
    const sound = joined([before, samples]);
    const frames = new Float32Array(Math.floor(samples.length / hop) * bands);
    for (let at = 0, start = 0; at < frames.length; at += bands, start += hop) {
      const power = this.spectrum.of((n) => (n < window ? sound[start + n] * hann[n] : 0));
      this.weights.forEach((weights, band) => {
        let sum = 0;
        for (let bin = 1; bin < weights.length; bin++) sum += weights[bin] * power[bin];
        frames[at + band] = Math.log(sum + FLOOR);
      });
    }
    return frames;
  }
}

/**
 * Pads or cuts a waveform to a number of samples.
 * A shorter one gets silence on both sides; of a longer one the loudest part is left.
 */
export function fitClip(waveform, samples) {
  const missing = samples - waveform.length;
  if (missing >= 0) {
    const clip = new Float32Array(samples);
    clip.set(waveform, Math.floor(missing / 2));
    return clip;
  }
  const energy = [0]; // of all samples before each place
  waveform.forEach((value) => energy.push(energy.at(-1) + value * value));
  let best = 0;
  const loudness = (start) => energy[start + samples] - energy[start];
  for (let start = 1; start <= -missing; start++) {
    if (loudness(start) > loudness(best)) best = start;
  }
  return Float32Array.from(waveform.slice(best, best + samples));
}
