// What both networks, the touched one and the untouched one, computed from a sentence.

import { addGates } from "../local/gate_outputs.js";
import { tracesOf } from "../traces.js";
import { named } from "./models.js";

const RECORDED = ["f", "i", "c_tilde", "c", "o", "h"]; // in the order of `addGates`
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

export class Reading {
  /**
   * @param model A model of models.js.
   * @param touch What the reader of the page changed, a `Touch`.
   */
  constructor(model, text, touch) {
    this.model = model;
    this.tokens = model.tokens(text);
    this.touch = touch;
    this.untouched = model.read(this.tokens);
    this.touched = touch.isEmpty ? this.untouched : model.read(this.tokens, touch);
    this.traces = new Map();
  }

  /** Returns the token at a timestep as the page shows it. */
  label(t) {
    const { word } = this.tokens[t];
    return t === 0 && word === "<eos>" ? "(start)" : named(word);
  }

  /** Returns the steps of a layer, null at a word that is left out. */
  steps(layer) {
    return this.touched.layers[layer];
  }

  /**
   * Returns a value of a step: of one unit, or the mean of all.
   * @param name f, kept, i, c_tilde, written, c, tanh_c, o, h, c_prev or h_prev.
   * @param unit Number of the unit, or null.
   * @param read What a network read: the touched one, or `untouched`.
   */
  value(layer, t, name, unit, read = this.touched) {
    const step = read.layers[layer][t];
    if (!step) return NaN;
    const values = name === "tanh_c" ? step.c.map(Math.tanh) : step[name];
    return unit === null ? mean(values) : values[unit];
  }

  /**
   * Returns the `Trace` of a layer, for the heat map; `times`, the timestep of each of its
   * columns, since it has none for a word that is left out; and `held`, the map of what
   * each timestep still makes up of the cell state.
   */
  trace(layer) {
    if (!this.traces.has(layer)) {
      const labels = this.steps(layer).map((step, t) => (step ? this.label(t) : ""));
      const times = labels.flatMap((label, t) => (label ? [t] : []));
      const trace = this.traceOf(layer, labels, () => false);
      // Nothing of before is held where the cell state is wiped, whatever the gate is.
      const wiped = this.traceOf(layer, labels, (t) => this.touch.isWiped(layer, t));
      this.traces.set(layer, { trace, times, held: wiped.held() });
    }
    return this.traces.get(layer);
  }

  /** Returns the trace of a layer with a forget gate of 0 at the steps that are shut. */
  traceOf(layer, labels, isShut) {
    const { units } = this.model.layers[layer];
    const nothing = new Array(units).fill(0), outputs = {};
    addGates(outputs, layer, labels, RECORDED.map((name) =>
      this.steps(layer).map((step, t) => (!step || (name === "f" && isShut(t)) ? nothing
        : Array.from(step[name])))));
    return tracesOf(outputs)[0];
  }
}
