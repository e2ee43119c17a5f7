// The controls that touch the network, and the list of what is changed.

import { el } from "../dom.js";
import { GATES, LAYERS } from "./layers.js";
import { Touch } from "./touch.js";

const SOME = 10; // units that keep or forget most
const UNITS = { all: "all units", one: "this unit", keep: `the ${SOME} that keep most`,
  forget: `the ${SOME} that forget most` };
const TIMES = { one: "this word", all: "all words", after: "this word and all after",
  before: "this word and all before" };
const select = (options) => el("select", {}, ...options.map(([value, title]) =>
  new Option(title, value)));

export function startTouch(place) {
  const gate = select(GATES.map((name) => [name, LAYERS[name].title]));
  const open = select([["0", "shut (0)"], ["1", "open (1)"]]);
  const units = select(Object.entries(UNITS));
  const times = select(Object.entries(TIMES));
  const hold = el("button", { type: "button", click: () => change({ kind: "gate",
    gate: gate.value, open: open.value === "1", layer: place.layer, ...chosen() }) }, "Hold");
  const wipe = el("button", { type: "button", class: "example", click: () =>
    change({ kind: "wipe", layer: place.layer, t: place.t }) });
  const out = el("button", { type: "button", class: "example", click: () => {
    change({ kind: "out", t: place.t });
    list.children[place.touch.changes.length - 1].querySelector("button").focus();
  } });
  const undo = el("button", { type: "button", class: "example small", click: () =>
    back(new Touch()) }, "Undo all");
  const list = el("ul", { class: "changes", "aria-label": "Changes" });

  /** Returns the units and the timesteps that are chosen. */
  function chosen() {
    const { order } = place.reading.trace(place.layer).trace;
    const last = place.reading.tokens.length - 1, { t } = place;
    return {
      units: { all: null, one: [place.unit ?? order[0]], keep: order.slice(0, SOME),
        forget: order.slice(-SOME) }[units.value],
      from: ["all", "before"].includes(times.value) ? 0 : t,
      to: ["all", "after"].includes(times.value) ? last : t,
    };
  }

  const change = (one) => place.go({ touch: place.touch.with(one) });
  /** Takes changes back; the focus, whose button has gone, goes to the controls. */
  function back(touch) {
    place.go({ touch });
    gate.focus();
  }
  const word = (t) => `“${place.reading.label(t)}”`;

  function describe({ kind, ...each }) {
    if (kind === "out") return `${word(each.t)} left out`;
    const layer = Object.keys(place.model.layers).length > 1
      ? `, ${each.layer.replaceAll("_", " ")}` : "";
    if (kind === "wipe") return `cell state wiped before ${word(each.t)}${layer}`;
    const which = each.units === null ? "all units"
      : each.units.length > 1 ? `${each.units.length} units` : `unit ${each.units[0]}`;
    const when = each.from === each.to ? word(each.from)
      : `${word(each.from)} to ${word(each.to)}`;
    const held = `${LAYERS[each.gate].title} held ${each.open ? "open" : "shut"}`;
    return `${held}: ${which}, ${when}${layer}`;
  }

  place.$("touch").append(
    el("div", { class: "choices touch" },
      el("label", {}, "Hold the", gate), el("label", {}, open),
      el("label", {}, "for", units), el("label", {}, "at", times), hold),
    el("div", { class: "row" }, wipe, out),
    list);
  for (const [each, name] of [[gate, "Gate"], [open, "Open or shut"],
    [units, "For which units"], [times, "At which words"]]) {
    each.setAttribute("aria-label", name);
  }

  return () => {
    const { touch, reading, t } = place;
    const left = reading.tokens.filter((_, n) => !touch.isOut(n)).length;
    const isStart = reading.label(t) === "(start)";
    wipe.textContent = `Wipe the cell state before ${word(t)}`;
    out.textContent = `Leave ${word(t)} out`;
    out.disabled = touch.isOut(t) || left === 1 || isStart;
    wipe.disabled = hold.disabled = touch.isOut(t);
    list.replaceChildren(...touch.changes.map((each) => el("li", {}, describe(each), " ",
      el("button", { type: "button", class: "example small", "aria-label":
        `Undo: ${describe(each)}`, click: () => back(touch.without(each)) },
        "Undo"))), touch.changes.length > 1 ? el("li", {}, undo) : "");
    if (touch.isEmpty) {
      list.append(el("li", { class: "legend" }, "Nothing is changed. Choose a word above, " +
        "then change something here."));
    }
  };
}
