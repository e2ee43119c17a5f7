// Shows the gate activations of a model; each tab has this part.

import { el, problem, rich } from "./dom.js";
import { HeatMap } from "./heatmap.js"; // in apps/common/portable/web
import { HELD, TITLES, shown, tracesOf } from "./traces.js";

const CAPTIONS = {
  f: "Bright: the unit keeps its cell state. Dark: it forgets it.",
  i: "Bright: much of the candidate is written into the cell state. Dark: little.",
  c_tilde: "The values that the input gate can write: red above 0, blue below.",
  c: "The cell state after the step: red above 0, blue below.",
  o: "Bright: the next layer sees the cell state. Dark: it is hidden.",
  h: "What the next layer and the next step see: red above 0, blue below.",
  [HELD]: "Row t, column s: the share of the cell state at t that timestep s wrote.",
};
const HELP = [
  "Each column is a timestep and each row a unit. The units with the highest mean " +
  "forget gate are on top. The line above the map is the mean over the units. Point at " +
  "a field, touch it, or move with the arrow keys to read its value.",
  "The *forget gate* is the share of its cell state that a unit keeps. The *input gate* " +
  "is the share of the *candidate* that is written to it, and the *output gate* the " +
  "share of the *cell state* that is passed on as *output*. *Still held* takes the cell " +
  "state apart: the share that each timestep wrote and that the later forget gates have " +
  "kept. This is exact along the cell state, and leaves out what passed through the " +
  "gates.",
];
const TABLED = ["f", "i", "o"];

export class Gates {
  /** @param place Element for this part; it is hidden until there are gates. */
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
    this.map = new HeatMap(box, (row, column) => this.showValue(row, column));
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
   * Calls the signature `gates` and shows its outputs.
   * @param of A sentence that names the input of the gates.
   * @returns The outputs, or null after an error, which is shown.
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
    this.notice.replaceChildren(...(this.traces.length ? [] : ["The input has no tokens."]));
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

  showValue(row, column) {
    const map = this.shownMap;
    const value = map.value(row, column);
    const mean = map.means ? `; mean of all units ${map.means[column].toFixed(2)}` : "";
    this.value.textContent =
      `“${this.labels[column]}” (${column + 1} of ${map.columns}), ` +
      `${map.rowName(row)}: ${map.title} ` +
      `${Number.isFinite(value) ? value.toFixed(2) : "is not a number"}${mean}`;
  }
}
