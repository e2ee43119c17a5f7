// A simple recurrent network beside the LSTM: what it computes, and what a word leaves.

import { LanguageModel } from "./models.js";
import { runNetwork } from "./network.js";
import { simple_step } from "./simple_step.js";

const FARTHEST = 30; // words back whose influence is computed
const size = (values) => Math.hypot(...values);

/** Predicts the next word as `LanguageModel` does; its layers are simple ones. */
export class SimpleLanguageModel extends LanguageModel {
  read(tokens, touch) {
    const inputs = tokens.map(({ id }) => this.embedding.row(id));
    const { layers, outputs } = runSimple(this.levels, inputs, touch);
    return { layers, answer: this.answer(outputs.filter(Boolean)) };
  }
}

/** As `runNetwork`, for simple layers: a step has h alone. */
export function runSimple(levels, inputs, touch) {
  const layers = {};
  let outputs = inputs.map((x, t) => (touch.isOut(t) ? null : x));
  for (const [layer] of levels) {
    let h = new Float64Array(layer.units);
    outputs = outputs.map((x) => {
      if (!x) return null;
      h = simple_step(x, h, layer);
      return h;
    });
    layers[layer.name] = outputs.map((each) => each && { h: each });
  }
  return { layers, outputs };
}

/** Returns the touch with one more word left out. */
const without = (touch, s) => ({
  isOut: (t) => t === s || touch.isOut(t),
  sums: (...all) => touch.sums(...all),
  cellState: (...all) => touch.cellState(...all),
});

export class Comparison {
  /**
   * @param simple Data of the simple network.
   * @param data Data of the language model, whose words both read.
   */
  constructor(simple, { vocabulary, start }) {
    this.data = { ...simple, vocabulary, start };
    this.read = new WeakMap(); // by what the LSTM read
  }

  get model() {
    this.simple ??= new SimpleLanguageModel(this.data);
    return this.simple;
  }

  /** Returns what the simple network computes from the words that the LSTM read. */
  reading({ touched, tokens, touch }) {
    if (!this.read.has(touched)) this.read.set(touched, this.model.read(tokens, touch));
    return this.read.get(touched);
  }

  /**
   * Returns for each word up to the place's how much the state there changes if the word
   * is left out: the norm of the difference, as a share of that of the state. NaN for a
   * word that is left out already, or too far back.
   * @param isSimple Whether h of the simple network, or the cell state of the LSTM.
   */
  influence({ model, reading: { tokens, touch }, layer, t }, isSimple) {
    const { embedding, levels } = isSimple ? this.model : model;
    const [run, name, state] = isSimple ? [runSimple, levels.at(-1)[0].name, "h"]
      : [runNetwork, layer, "c"];
    const inputs = tokens.slice(0, t + 1).map(({ id }) => embedding.row(id));
    const at = (changed) => run(levels, inputs, changed).layers[name].findLast(Boolean)?.[state];
    if (touch.isOut(t)) return inputs.map(() => NaN);
    const whole = at(touch);
    return inputs.map((_, s) => {
      if (touch.isOut(s) || s < t - FARTHEST) return NaN;
      const part = at(without(touch, s)) ?? whole.map(() => 0);
      return size(whole.map((value, unit) => value - part[unit])) / size(whole);
    });
  }
}
