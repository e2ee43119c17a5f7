// The drawing of the unit, alive: the value on each wire, the formula of each part.

import { el } from "../dom.js";
import { bracketed, number } from "./format.js";
import { LAYERS, column } from "./layers.js";

const WIRES = ["h_prev", "c_prev", "f", "kept", "i", "c_tilde", "written", "c", "tanh_c",
  "o", "h"];
const OPERATIONS = { // title, and formula with `v`, the values in writing
  kept: ["forget gate applied", (v) => `f · C before = ${v.f} × ${v.c_prev} = ${v.kept}`],
  written: ["candidate scaled", (v) => `i · C̃ = ${v.i} × ${v.c_tilde} = ${v.written}`],
  c: ["new cell state", (v) => `C = ${v.kept} + ${v.written} = ${v.c}`],
  tanh_c: ["tanh of the cell state", (v) => `tanh(C), of C = ${v.c}, is ${v.tanh_c}`],
  h: ["output", (v) => `h = o · tanh(C) = ${v.o} × ${v.tanh_c} = ${v.h}`],
};
const PARTS = [...Object.keys(LAYERS), ...Object.keys(OPERATIONS)];

export function startUnit(place) {
  const { $ } = place;
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
    const [operation, formula] = OPERATIONS[name] ?? [];
    const title = operation ?? LAYERS[name].title;
    const values = Object.fromEntries(WIRES.map((each) =>
      [each, (each === name ? number : bracketed)(place.value(each))]));
    const says = place.unit === null
      ? `${values[name]}, ${place.whose}. Choose a unit for the formula`
      : formula ? formula(values) : sum(name, values[name]);
    return `${title[0].toUpperCase()}${title.slice(1)}: ${says}.`;
  }

  /** Returns the formula of a layer with its numbers. */
  function sum(name, value) {
    const { letter, activation, says } = LAYERS[name];
    const z = place.step?.z[column(name, place.unit, place.weights.units)] ?? NaN;
    return `${letter} = ${activation}(${number(z)}) = ${value}, ${says}`;
  }

  for (const name of PARTS) {
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
    for (const name of PARTS) {
      root.querySelector(`#part-${name}`).setAttribute("aria-label", text(name));
    }
    explain(focused);
  };
}
