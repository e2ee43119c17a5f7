// Turns the gates that the graphs record into the outputs of a signature `gates`.

import { nested } from "./tensors.js";

const NAMES = ["f", "i", "c_tilde", "c", "o", "h"]; // side by side, in this order
const RECORDED = "_gates"; // end of the name of a graph's output

/**
 * Returns the outputs of `gates`; values are 0 where a label is "".
 * @param outputs Outputs of a graph; `LAYER_gates` has sizes `(1, timesteps, 6 * units)`.
 * @param labelsOf Function from the name of a layer to the labels of its timesteps, or
 *     to null for a layer that is not shown.
 */
export function gateOutputs(outputs, labelsOf) {
  const result = {};
  for (const [name, recorded] of Object.entries(outputs)) {
    if (!name.endsWith(RECORDED)) continue;
    const layer = name.slice(0, -RECORDED.length);
    const labels = labelsOf(layer);
    if (!labels) continue;
    const units = recorded.dims[2] / NAMES.length;
    const [steps] = nested(recorded);
    addGates(result, layer, labels, NAMES.map((_, n) =>
      steps.map((step) => step.slice(n * units, (n + 1) * units))));
  }
  return result;
}

/** Adds the gates of a layer, lists of timesteps in the order of `NAMES`. */
export function addGates(result, layer, labels, gates) {
  result[`${layer}_tokens`] = [labels];
  NAMES.forEach((name, n) => {
    result[`${layer}_${name}`] = [gates[n].map((units, step) =>
      (labels[step] === "" ? units.map(() => 0) : units))];
  });
}
