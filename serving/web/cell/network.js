// Runs LSTMs over a sequence, and keeps every value that a step computes.

import { lstm_step, sums } from "./step.js";

/** What a reader may change in a step: nothing. touch.js has the other one. */
export const UNTOUCHED = {
  isOut: () => false, // whether the word at a timestep is left out
  sums: (layer, t, z) => z,
  cellState: (layer, t, c_prev) => c_prev,
};

/**
 * Runs one LSTM.
 * @param layer Its weights: `units`, `kernel`, `recurrent_kernel`, `bias`, `backwards`.
 * @param inputs An input for each timestep, or null for a word that is left out.
 * @returns For each timestep what `lstm_step` returns, with x, h_prev, c_prev and z; null
 *     for a word that is left out.
 */
export function runLayer(layer, inputs, touch = UNTOUCHED) {
  const steps = inputs.map(() => null);
  const order = Array.from(inputs.keys());
  let h_prev = new Float64Array(layer.units), last = new Float64Array(layer.units);
  for (const t of layer.backwards ? order.reverse() : order) {
    const x = inputs[t];
    if (!x) continue;
    const c_prev = touch.cellState(layer.name, t, last);
    const z = touch.sums(layer.name, t, sums(x, h_prev, layer));
    steps[t] = { x, h_prev, c_prev, z, ...lstm_step(z, c_prev) };
    h_prev = steps[t].h;
    last = steps[t].c;
  }
  return steps;
}

/**
 * Runs the levels of a network. The layers of one level read the same inputs; their
 * outputs, side by side, are the inputs of the next level.
 * @returns `layers`, the steps by the name of each layer, and the last `outputs`.
 */
export function runNetwork(levels, inputs, touch = UNTOUCHED) {
  const layers = {};
  let outputs = inputs.map((x, t) => (touch.isOut(t) ? null : x));
  for (const level of levels) {
    const read = level.map((layer) => {
      layers[layer.name] = runLayer(layer, outputs, touch);
      return layers[layer.name];
    });
    outputs = outputs.map((x, t) => x && read.flatMap((steps) => Array.from(steps[t].h)));
  }
  return { layers, outputs };
}
