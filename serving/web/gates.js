// The gates of a model as they open and close: a part of each tab.

import { el, problem, rich } from "./dom.js";
import { HeatMap } from "./heatmap.js";
import { HELD, TITLES, shown, tracesOf } from "./traces.js";

const CAPTIONS = {
  f: "Bright: the unit keeps what its cell state held. Dark: it lets go.",
  i: "Bright: much of the candidate is written into the cell state. Dark: little.",
  c_tilde: "What could be written: red above 0, blue below.",
  c: "What the unit holds after the step: red above 0, blue below.",
  o: "Bright: the unit shows what it holds to the next layer. Dark: it does not yet.",
  h: "What the next layer and the next step see: red above 0, blue below.",
  [HELD]: "Each row is a moment: its memory, shared out among what the columns wrote.",
};
const HELP = [
  "Each column is a timestep, each row a unit, those that keep most on top; the line " +
  "above the map is the mean over the units. Point at a field, touch it, or move with " +
  "the arrow keys, to read its value.",
  "The *forget gate* says how much of its memory a unit keeps, the *input gate* how " +
  "much of the *candidate* is written to it, the *output gate* how much of the *cell " +
  "state* is shown as *output*. *Still held* takes the cell state apart: the share of " +
  "what each timestep wrote and the forget gates since have let through. That is exact " +
  "along the cell's own line, and says nothing of what went round through the gates.",
];
const TABLED = ["f", "i", "o"];

export class Gates {
  /** @param place Element that gets the part; it is hidden until there is something. */
  constructor(place) {
    this.place = place;
    this.traces = [];
    this.layer = el("select", { change: () => this.draw() });
    this.gate = el("select", { change: () => this.draw() },
      ...Object.entries({ ...TITLES, [HELD]: "still held" }).map(([value, title]) =>
        new Option(title, value)));
    this.value = el("p", { class: "value", "aria-live": "polite" });
    this.of = el("p", { class: "of" });
    this.caption = el("p", { class: "caption" });
    this.table = el("table");
    const box = el("div", { class: "wide" });
    this.map = new HeatMap(box, (row, column) => this.tell(row, column));
    this.shown = el("div", {},
      this.of,
      el("p", { class: "choices" },
        el("label", {}, "Layer", this.layer), el("label", {}, "Shown", this.gate)),
      this.caption,
      box,
      this.value,
      el("details", {}, el("summary", {}, "The means of the gates as a table"),
        el("div", { class: "wide" }, this.table)),
      el("div", { class: "help" },
        ...HELP.map((text) => el("p", {}, ...rich(text)))));
    this.notice = el("div");
    place.append(el("h3", {}, "What the gates did"), this.notice, this.shown);
    this.clear();
  }

  clear() {
    this.place.hidden = true;
  }

  /**
   * Asks the signature `gates` and shows what it answers.
   * @param of What the gates are of, a sentence.
   * @returns The outputs, or null if there are none; the reason is then shown.
   */
  async ask(api, model, inputs, signal, of = "") {
    try {
      const outputs = await api.predict(model, "gates", inputs, { signal });
      this.show(outputs, of);
      return outputs;
    } catch (error) {
      signal?.throwIfAborted();
      this.place.hidden = false;
      this.shown.hidden = true;
      this.notice.replaceChildren(problem(error));
      return null;
    }
  }

  show(outputs, of = "") {
    this.traces = tracesOf(outputs);
    const chosen = this.layer.value;
    this.place.hidden = false;
    this.shown.hidden = !this.traces.length;
    this.notice.replaceChildren(...(this.traces.length ? [] : ["There is no token."]));
    if (!this.traces.length) return;
    this.of.textContent = of;
    this.layer.replaceChildren(...this.traces.map(({ layer, backwards }) =>
      new Option(backwards ? `${layer} (from the end)` : layer, layer)));
    if (this.traces.some(({ layer }) => layer === chosen)) this.layer.value = chosen;
    this.draw();
  }

  get trace() {
    return this.traces.find(({ layer }) => layer === this.layer.value);
  }

  draw() {
    const { trace } = this;
    if (!trace) return;
    const gate = this.gate.value;
    this.caption.textContent = CAPTIONS[gate];
    this.labels = trace.labels.map(shown);
    this.shownMap = trace.map(gate);
    this.map.show(this.shownMap, this.labels, trace.summary(gate));
    const means = TABLED.map((name) => trace.means(name));
    this.table.replaceChildren(
      el("caption", {}, `Layer ${trace.layer}: means over ${trace.units} units` +
        (trace.leftOut ? `; ${trace.leftOut} later timesteps are not shown` : "")),
      el("thead", {}, el("tr", {},
        ...["timestep", ...TABLED.map((name) => TITLES[name])].map((title) =>
          el("th", { scope: "col" }, title)))),
      el("tbody", {}, ...this.labels.map((label, n) => el("tr", {},
        el("th", { scope: "row" }, label),
        ...means.map((column) => el("td", {}, column[n].toFixed(2)))))));
  }

  tell(row, column) {
    const map = this.shownMap;
    const value = map.value(row, column);
    const mean = map.means ? `; mean of all units ${map.means[column].toFixed(2)}` : "";
    this.value.textContent =
      `“${this.labels[column]}” (${column + 1} of ${map.columns}), ` +
      `${map.rowName(row)}: ${map.title} ` +
      `${Number.isFinite(value) ? value.toFixed(2) : "is not a number"}${mean}`;
  }
}
