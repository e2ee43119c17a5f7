// The drawing of the unit, alive: the value on each wire, the formula of each part.

import { el } from "../../../serving/web/dom.js";
import { bracketed, number } from "./format.js";

const $ = (id) => document.getElementById(id);
const LAYERS = { f: "forget gate", i: "input gate", c_tilde: "candidate", o: "output gate" };
const WIRES = ["h_prev", "c_prev", "f", "kept", "i", "c_tilde", "written", "c", "tanh_c",
  "o", "h"];
const FORMULAS = { // of each part, with `v`, the values in writing
  f: (v, z) => `f = sigmoid(${z("f")}) = ${v.f}, the share of the cell state that is kept`,
  i: (v, z) => `i = sigmoid(${z("i")}) = ${v.i}, the share of the candidate that is written`,
  c_tilde: (v, z) => `C̃ = tanh(${z("c_tilde")}) = ${v.c_tilde}, what could be written`,
  o: (v, z) => `o = sigmoid(${z("o")}) = ${v.o}, the share of the cell state that is shown`,
  kept: (v) => `f · C before = ${v.f} × ${v.c_prev} = ${v.kept}`,
  written: (v) => `i · C̃ = ${v.i} × ${v.c_tilde} = ${v.written}`,
  c: (v) => `C = ${v.kept} + ${v.written} = ${v.c}`,
  tanh_c: (v) => `tanh(C), of C = ${v.c}, is ${v.tanh_c}`,
  h: (v) => `h = o · tanh(C) = ${v.o} × ${v.tanh_c} = ${v.h}`,
};
const TITLES = {
  ...LAYERS, kept: "forget gate applied", written: "candidate scaled",
  c: "new cell state", tanh_c: "tanh of the cell state", h: "output",
};
export const BLOCK = { i: 0, f: 1, c_tilde: 2, o: 3 }; // place in the packed sums

export function startUnit(place) {
  const root = $("unit"), formula = $("formula"), choice = $("unit-choice");
  const layer = $("layer");
  let focused = null, listed = "";

  function explain(name) {
    focused = name;
    const backwards = place.weights.backwards
      ? "This layer reads from the end: t−1 is the word after. " : "";
    formula.textContent = name ? text(name) : backwards + (place.unit === null
      ? "Each value is the mean of all units; the mean of products is not the product of " +
        "means. Choose a unit to see its own numbers."
      : "Point at a part to see its formula with the numbers put in.");
  }

  function text(name) {
    const title = TITLES[name][0].toUpperCase() + TITLES[name].slice(1);
    const values = Object.fromEntries(WIRES.map((each) =>
      [each, bracketed(place.value(each))]));
    if (place.unit === null) {
      return `${title}: ${values[name]}, ${place.whose}. Choose a unit for the formula.`;
    }
    const z = (gate) => number(place.step?.z[BLOCK[gate] * place.weights.units +
      place.unit] ?? NaN);
    return `${title}: ${FORMULAS[name](values, z)}.`;
  }

  for (const name of Object.keys(FORMULAS)) {
    const part = root.querySelector(`#part-${name}`);
    const open = () => place.go(name in LAYERS ? { level: "product", gate: name }
      : { level: "unit" });
    part.classList.add("part");
    part.setAttribute("role", "button");
    part.setAttribute("tabindex", "0");
    part.addEventListener("click", open);
    part.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      open();
    });
    for (const event of ["pointerenter", "focus"]) {
      part.addEventListener(event, () => explain(name));
    }
    for (const event of ["pointerleave", "blur"]) {
      part.addEventListener(event, () => explain(null));
    }
  }
  choice.addEventListener("change", () => place.go({
    unit: choice.value === "" ? null : Number(choice.value),
    ...(choice.value === "" && ["unit", "product"].includes(place.level)
      ? { level: "layer" } : {}),
  }));
  layer.addEventListener("change", () => place.go({ layer: layer.value, unit: null,
    level: place.level === "layer" ? "layer" : "sentence" }));

  function list() {
    const names = Object.keys(place.model.layers);
    const { units } = place.weights;
    const key = `${names} ${units}`;
    if (key === listed) return;
    listed = key;
    layer.replaceChildren(...names.map((name) => new Option(name.replaceAll("_", " "), name)));
    $("layer-choice").hidden = names.length === 1;
    choice.replaceChildren(new Option(`all ${units} units, their mean`, ""),
      ...Array.from({ length: units }, (_, unit) => new Option(`unit ${unit}`, unit)));
  }

  return () => {
    list();
    layer.value = place.layer;
    choice.value = place.unit ?? "";
    $("unit-title").replaceChildren("The unit at ",
      el("q", {}, place.reading.label(place.t)));
    for (const name of WIRES) {
      const value = place.value(name);
      root.querySelector(`#value-${name} text`).textContent = number(value);
      root.querySelector(`#wire-${name}`)?.style.setProperty("--size",
        Number.isFinite(value) ? Math.min(1, Math.abs(value)) : 0);
    }
    for (const name of Object.keys(FORMULAS)) {
      root.querySelector(`#part-${name}`).setAttribute("aria-label", text(name));
    }
    explain(focused);
  };
}
