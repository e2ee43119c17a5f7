// One layer: a heat map of a gate, its units sorted.

import { HeatMap } from "../heatmap.js"; // in apps/common/portable/web
import { el } from "../dom.js";
import { TITLES } from "../traces.js";
import { number } from "./format.js";

/** Returns a function that shows the layer at a place in an element. */
export function layerView(place) {
  const gate = el("select", { change: () => place.go({ gate: gate.value }) },
    ...Object.entries(TITLES).map(([value, title]) => new Option(title, value)));
  const box = el("div", { class: "wide" });
  const value = el("p", { class: "value", "aria-live": "polite" });
  let shown = null, times = [];
  const map = new HeatMap(box, (row, column) => {
    value.textContent = `“${place.reading.label(times[column])}”, ${shown.rowName(row)}: ` +
      `${shown.title} ${number(shown.value(row, column))}. Press Enter or click to open it.`;
  });
  const open = () => {
    const [row, column] = map.at;
    const { trace } = place.reading.trace(place.layer);
    place.go({ level: "unit", unit: trace.order[row], t: times[column] });
  };
  box.addEventListener("click", open);
  box.addEventListener("keydown", (event) => { if (event.key === "Enter") open(); });
  const view = el("div", {},
    el("p", {}, "Each row is a unit, each column a word. The units that keep most are on " +
      "top, those that forget most at the bottom."),
    el("p", { class: "choices" }, el("label", {}, "Shown", gate)), value, box);

  return (target) => {
    const { trace, times: columns } = place.reading.trace(place.layer);
    gate.value = place.gate;
    times = columns;
    shown = trace.map(place.gate);
    if (view.parentNode !== target) target.replaceChildren(view);
    const row = Math.max(0, trace.order.indexOf(place.unit));
    map.at = [row, Math.max(0, times.indexOf(place.t))];
    map.show(shown, trace.labels, trace.summary(place.gate));
  };
}
