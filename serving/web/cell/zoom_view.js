// The zoom: sentence, layer, unit, product, and the way back.

import { el } from "../dom.js";
import { gateCurves, ribbons, scrollToWord } from "./curves.js";
import { equationsView } from "./equations_view.js";
import { layerView } from "./layer_view.js";
import { LAYERS } from "./layers.js";
import { productView } from "./product_view.js";

function sentenceView(place, target) {
  const room = target.clientWidth;
  target.replaceChildren(
    el("p", {}, `The three gates at each word, ${place.whose}. Click a word.`),
    gateCurves(place, room), ribbons(place, room));
  scrollToWord(target);
}

export function startZoom(place) {
  const { $, root } = place;
  const target = $("zoom");
  const layer = layerView(place);
  const views = {
    sentence: () => sentenceView(place, target),
    layer: () => layer(target),
    unit: () => equationsView(place, target),
    product: () => productView(place, target),
  };
  const names = () => ({
    sentence: "Sentence",
    layer: "Layer",
    unit: place.unit === null ? "Unit" : `Unit ${place.unit}`,
    product: place.level === "product" ? `Sum of the ${LAYERS[place.gate].title}` : "Sum",
  });
  const buttons = Object.fromEntries(Object.keys(views).map((level) =>
    [level, el("button", { type: "button", class: "level", click: () => place.go({ level,
      // A cell state is no gate, and has no sum of its own.
      ...(level === "product" && !(place.gate in LAYERS) ? { gate: "f" } : {}) }) })]));
  $("levels").append(...Object.values(buttons));
  let width = target.clientWidth;
  new ResizeObserver(() => {
    if (target.clientWidth === width) return;
    width = target.clientWidth;
    if (place.level === "sentence") views.sentence();
  }).observe(target);

  return () => {
    for (const [level, name] of Object.entries(names())) {
      buttons[level].textContent = name;
      if (level === place.level) buttons[level].setAttribute("aria-current", "page");
      else buttons[level].removeAttribute("aria-current");
    }
    // Drawing anew must not take the focus from who walks through the page by keys.
    const focused = target.contains(root.activeElement) && root.activeElement.tagName;
    views[place.level]();
    if (focused && !target.contains(root.activeElement)) {
      (target.querySelector(focused) ?? buttons[place.level]).focus();
    }
  };
}
