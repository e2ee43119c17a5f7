// Recognizes words in clips and streams, as apps/speech_commands/predict.py does.

import { rounded } from "../detector.js";
import { gateOutputs } from "./gate_outputs.js";
import { LogMel, fitClip } from "./log_mel.js";
import { largest } from "./sampling.js";
import { floats, nested, softmax, tensor } from "./tensors.js";

const LARGEST_LOGIT = 40; // keeps exponentials finite

export function signatures({ settings, labels, graphs, run }) {
  const rate = settings.sample_rate_hz;
  const samplesIn = (ms) => rounded((rate * ms) / 1000);
  const frontEnd = new LogMel(rate, samplesIn(settings.window_ms),
    samplesIn(settings.hop_ms), settings.mel_bands);
  const { hop, context, bands } = frontEnd;
  const clip = Math.floor((rate * settings.clip_ms) / 1000);
  const states = Object.fromEntries(Object.entries(graphs.speech_commands.inputs)
    .filter(([name]) => /^[hc]_\d+$/.test(name))
    .map(([name, { shape }]) => [name, [-1, shape[1]]]));
  const pooled = settings.pooling === "max";
  const kept = Math.floor(clip / hop) - 1; // frames of a clip before its last one
  const scores = pooled ? { scores: [-1, kept, labels.length] } : {};

  /** Runs the model on log-mel frames, from a state. */
  const read = (frames, state, record) => run("speech_commands", {
    features: tensor("float32", frames, [1, frames.length / bands, bands]),
    ...Object.fromEntries(Object.entries(states).map(([name, [, units]]) =>
      [name, floats(state?.[name] ?? new Array(units).fill(0), [1, units])])),
  }, record);

  /** Runs the model on the loudest part of a waveform. */
  const readClip = (waveform, record) =>
    read(frontEnd.frames(fitClip(Float32Array.from(waveform), clip)), null, record);

  const described = { labels: [labels], sample_rate_hz: [rate], hop: [hop],
    threshold: [settings.threshold], smoothing_ms: [settings.smoothing_ms],
    pause_ms: [settings.pause_ms] };

  const stream = {
    inputs: { samples: [-1, -1], audio: [-1, context], ...scores, ...states },
    async call({ samples: [samples], audio, scores: before, ...state }) {
      if (!samples.length) {
        return { posteriors: [[]], audio, ...(pooled && { scores: before }), ...state,
          ...described };
      }
      const sound = Float32Array.from(samples);
      const outputs = await read(frontEnd.frames(sound, Float32Array.from(audio[0])), state);
      const own = nested(outputs.frame_logits)[0].map((row) => row.map((logit) =>
        Math.exp(Math.max(-LARGEST_LOGIT, Math.min(LARGEST_LOGIT, logit)))));
      const known = pooled ? [...before[0], ...own] : own;
      const maxima = pooled
        ? own.map((_, n) => labels.map((__, label) =>
          Math.max(...known.slice(n, n + kept + 1).map((row) => row[label]))))
        : own;
      return {
        posteriors: [maxima.map((row) => {
          const sum = row.reduce((a, b) => a + b, 0);
          return row.map((score) => score / sum);
        })],
        audio: [[...audio[0], ...samples].slice(samples.length)],
        ...(pooled && { scores: [known.slice(own.length)] }),
        ...Object.fromEntries(Object.keys(states).map((name) =>
          [name, nested(outputs[`next_${name}`])])),
        ...described,
      };
    },
  };

  return {
    serving_default: {
      inputs: { waveform: [-1, -1] },
      async call({ waveform: [waveform] }) {
        const { logits } = await readClip(waveform);
        const probabilities = softmax(logits.data);
        return { label: [labels[largest(probabilities)]], probabilities: [probabilities] };
      },
    },
    gates: {
      inputs: { waveform: [-1, -1] },
      async call({ waveform: [waveform] }) {
        const ends = Array.from({ length: Math.floor(clip / hop) }, (_, n) =>
          `${rounded((n + 1) * settings.hop_ms)} ms`);
        return gateOutputs(await readClip(waveform, true), () => ends);
      },
    },
    ...(settings.streams && { stream }),
  };
}
