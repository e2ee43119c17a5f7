// One sum: what each input and each output of before adds to it, as bars.

import { el } from "../dom.js";
import { leftOut, symbol, terms } from "./equations_view.js";
import { bracketed, draw, number } from "./format.js";
import { LAYERS, column } from "./layers.js";

const LISTED = 4; // contributions with their factors
const HEIGHT = 110;

/** Returns bars upwards and downwards, one for each value. */
function bars(values, title) {
  const largest = Math.max(...values.map(Math.abs), 1e-9), width = 600;
  const size = width / values.length;
  return draw("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, role: "img",
    preserveAspectRatio: "none", "aria-label": title, class: "product" },
  draw("line", { x1: 0, x2: width, y1: HEIGHT / 2, y2: HEIGHT / 2, class: "grid" }),
  ...Array.from(values, (value, n) => {
    const height = (Math.abs(value) / largest) * (HEIGHT / 2 - 2);
    return draw("rect", { x: n * size, width: Math.max(1, size - 1), height,
      y: value > 0 ? HEIGHT / 2 - height : HEIGHT / 2,
      class: value > 0 ? "up" : "down" });
  }));
}

/** Shows the contributions of a row and a matrix to one column of their product. */
function contributions(row, matrix, at, name, letter, matrixName) {
  const columns = matrix.length / row.length;
  const weights = Array.from(row, (_, n) => matrix[n * columns + at]);
  const values = weights.map((weight, n) => weight * row[n]);
  const largest = Array.from(values.keys())
    .sort((a, b) => Math.abs(values[b]) - Math.abs(values[a])).slice(0, LISTED);
  const sum = values.reduce((a, b) => a + b, 0);
  return el("section", {},
    el("h3", {}, ...name, ` = ${number(sum)}`),
    bars(values, `${row.length} products of a number of ${letter} and a weight; ` +
      `their sum is ${number(sum)}`),
    el("p", { class: "legend" }, "The largest: ", largest.map((n) =>
      `${letter}[${n}] · ${matrixName}[${n}] = ${bracketed(row[n])} · ${bracketed(weights[n])} ` +
      `= ${number(values[n])}`).join("; "), "."));
}

/** Shows the sum of a gate of the chosen unit in an element. */
export function productView(place, target) {
  const { step, gate, unit, weights } = place;
  if (!step) {
    target.replaceChildren(leftOut());
    return;
  }
  const at = column(gate, unit, weights.units);
  const { input, recurrent, bias, sum } = terms(place, gate);
  const { below } = LAYERS[gate];
  const choice = el("select", { change: () => place.go({ gate: choice.value }) },
    ...Object.entries(LAYERS).map(([value, { title }]) => new Option(title, value)));
  choice.value = gate;
  target.replaceChildren(
    el("p", { class: "choices" }, el("label", {}, "Sum of the", choice)),
    el("p", { class: "equation" }, symbol("x", "t"), " ", symbol("W", below), " + ",
      symbol("h", "t−1"), " ", symbol("U", below), " + ", symbol("b", below)),
    el("p", { class: "numbers" }, `= ${bracketed(input)} + ${bracketed(recurrent)} + ` +
      `${bracketed(bias)} = `, el("b", {}, number(input + recurrent + bias)),
    Number.isFinite(sum) ? "" : ` (you hold the gate: the sum counts as ${number(sum)})`),
    contributions(step.x, weights.kernel, at,
      [symbol("x", "t"), " ", symbol("W", below)], "x", "W"),
    contributions(step.h_prev, weights.recurrent_kernel, at,
      [symbol("h", "t−1"), " ", symbol("U", below)], "h", "U"),
    el("p", { class: "legend" }, `x is the vector of “${place.reading.label(place.t)}” (or ` +
      "the outputs of the layer before), h the output of all units at the word before. A " +
      "bar up raises the sum, a bar down lowers it."));
}
