// Where the reader of the page is; each view is drawn anew when it changes.

import { Comparison } from "./comparison.js";
import { LanguageModel, SentimentModel } from "./models.js";
import { Reading } from "./reading.js";
import { Touch } from "./touch.js";

const CLASSES = { language_modeling: LanguageModel, sentiment: SentimentModel };
const MEANS_NEW_READING = ["app", "text", "touch"];

export class Place {
  /**
   * @param data `models`, the data of each model; `sentences` for each; `watched`, a
   *     next word whose share is shown; and `simple`, the data of the simple network that
   *     the language model is compared with, if there is one.
   * @param root The document or the shadow root that has the elements of the page.
   */
  constructor({ models, sentences, watched, simple }, root) {
    this.root = root;
    this.$ = (id) => root.getElementById(id);
    this.data = models;
    this.comparison = simple && new Comparison(simple, models.language_modeling);
    this.isComparing = false;
    this.sentences = sentences;
    this.watched = watched;
    this.models = {};
    this.views = [];
    const [app] = Object.keys(models);
    Object.assign(this, { app, text: sentences[app][0], touch: new Touch(), level: "sentence",
      t: 0, layer: null, unit: null, gate: "f" });
    this.read();
    this.t = this.reading.tokens.length - 1;
  }

  get model() {
    this.models[this.app] ??= new CLASSES[this.app](this.data[this.app]);
    return this.models[this.app];
  }

  /** Moves to another place, such as `{ t: 3, unit: 12 }`, and draws every view. */
  go(changes) {
    const tokens = this.reading.tokens.length;
    Object.assign(this, changes);
    if (MEANS_NEW_READING.some((name) => name in changes)) {
      if (!("touch" in changes)) this.touch = new Touch(); // its timesteps were others
      this.read();
      // A new text is shown at its end, where the answer is.
      if (this.reading.tokens.length !== tokens && !("t" in changes)) this.t = Infinity;
    }
    this.t = Math.max(0, Math.min(this.t, this.reading.tokens.length - 1));
    if (["unit", "product"].includes(this.level)) this.unit ??= this.bestUnit();
    this.draw();
  }

  read() {
    const names = Object.keys(this.model.layers);
    if (!names.includes(this.layer)) Object.assign(this, { layer: names[0], unit: null });
    const { app, model } = this, start = performance.now();
    this.reading = new Reading(model, this.text, this.touch);
    performance.measure("reading", { start, detail: { app,
      words: this.reading.tokens.length } });
  }

  /** Returns the unit that keeps most, which the heat map has on top. */
  bestUnit() {
    return this.reading.trace(this.layer).trace.order[0];
  }

  /** Returns a value at this place: of the chosen unit, or the mean of all. */
  value(name, t = this.t, unit = this.unit) {
    return this.reading.value(this.layer, t, name, unit);
  }

  get step() {
    return this.reading.steps(this.layer)[this.t];
  }

  get weights() {
    return this.model.layers[this.layer];
  }

  /** Returns what the values are of, in words. */
  get whose() {
    return this.unit === null ? `mean of ${this.weights.units} units` : `unit ${this.unit}`;
  }

  draw() {
    for (const view of this.views) view(this);
  }
}
