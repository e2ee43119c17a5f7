// One unit: the six equations with the numbers put in.

import { el } from "../dom.js";
import { bracketed, number } from "./format.js";
import { LAYERS, column } from "./layers.js";
import { product } from "./step.js";

const OWN_ORDER = ["f", "i", "c_tilde", "c", "o", "h"]; // that of lstm_step

/** Returns what is said in place of numbers of a word that is left out. */
export const leftOut = () =>
  el("p", {}, "This word is left out: the unit computes nothing.");

/** Returns a symbol with what stands below it, such as f with t. */
export const symbol = (letter, below) =>
  el("span", {}, el("var", {}, letter), el("sub", {}, below));

/** Returns the three terms of a gate's sum at a place: x W, h U and b. */
export function terms(place, gate) {
  const { step, weights: { kernel, recurrent_kernel, bias, units }, unit } = place;
  const at = column(gate, unit, units);
  return { input: product(step.x, kernel)[at],
    recurrent: product(step.h_prev, recurrent_kernel)[at], bias: bias[at],
    sum: step.z[at] };
}

/** Returns the sum of a gate in writing; one that a touch holds is infinite. */
const written = ({ input, recurrent, bias, sum }) => (Number.isFinite(sum)
  ? `${bracketed(input)} + ${bracketed(recurrent)} + ${bracketed(bias)}`
  : `held at ${number(sum)}`);

function gateLine(place, gate) {
  const { title, letter, below, activation } = LAYERS[gate];
  const parts = terms(place, gate);
  return el("li", {},
    el("span", { class: "legend" }, title),
    el("p", { class: "equation" }, symbol(letter, "t"), ` = ${activation}(`,
      symbol("x", "t"), " ", symbol("W", below), " + ", symbol("h", "t−1"), " ",
      symbol("U", below), " + ", symbol("b", below), ")"),
    el("p", { class: "numbers" }, `= ${activation}(${written(parts)}) = ${activation}(` +
      `${number(parts.sum)}) = `, el("b", {}, number(place.value(gate))), " ",
    el("button", { type: "button", class: "example small",
      "aria-label": `Look into the sum of the ${title}`,
      click: () => place.go({ level: "product", gate }) }, "Look into the sum")));
}

function stateLine(place) {
  const v = (name) => bracketed(place.value(name));
  return el("li", {},
    el("span", { class: "legend" }, "new cell state"),
    el("p", { class: "equation" }, symbol("C", "t"), " = ", symbol("f", "t"), " · ",
      symbol("C", "t−1"), " + ", symbol("i", "t"), " · ", symbol("C̃", "t")),
    el("p", { class: "numbers" }, `= ${v("f")} · ${v("c_prev")} + ${v("i")} · ` +
      `${v("c_tilde")} = ${v("kept")} + ${v("written")} = `,
    el("b", {}, number(place.value("c")))));
}

function outputLine(place) {
  const v = (name) => bracketed(place.value(name));
  return el("li", {},
    el("span", { class: "legend" }, "output"),
    el("p", { class: "equation" }, symbol("h", "t"), " = ", symbol("o", "t"), " · tanh(",
      symbol("C", "t"), ")"),
    el("p", { class: "numbers" }, `= ${v("o")} · tanh(${number(place.value("c"))}) = ${v("o")} · ` +
      `${v("tanh_c")} = `, el("b", {}, number(place.value("h")))));
}

/** Shows the equations of the chosen unit at the chosen word in an element. */
export function equationsView(place, target) {
  if (!place.step) {
    target.replaceChildren(leftOut());
    return;
  }
  const own = { c: stateLine, h: outputLine };
  target.replaceChildren(
    el("p", {}, `Unit ${place.unit} of ${place.weights.units} at “` +
      `${place.reading.label(place.t)}”, in the order of the code.`),
    el("ol", { class: "equations" }, ...OWN_ORDER.map((name) =>
      (own[name] ? own[name](place) : gateLine(place, name)))),
    el("p", { class: "legend" }, "A sigmoid gives a number from 0 to 1: a share, so it can " +
      "be a gate. A tanh gives a number from −1 to 1: what is written may raise the cell " +
      "state or lower it."));
}
