// The comparison: the same sentence through a simple recurrent network.

import { HeatMap } from "../heatmap.js"; // in apps/common/portable/web
import { el } from "../dom.js";
import { list, percent } from "./answer_view.js";
import { chart, scrollToWord } from "./curves.js";
import { symbol } from "./equations_view.js";
import { draw, number } from "./format.js";

const NAMES = ["LSTM", "Simple network"];
const LINES = ["f", "i"], DASHES = ["", "7 4"]; // of their curves
const FAR = 5; // words back
const DECADES = 3; // of the influences: the chart shows 0.1 % to 100 %
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Returns the units, those first whose state changes least from word to word. */
function steadyFirst(states) {
  const changes = states[0].map((_, unit) => mean(states.slice(1).map((state, n) =>
    Math.abs(state[unit] - states[n][unit]))));
  return Array.from(changes.keys()).sort((a, b) => changes[a] - changes[b]);
}

/** Returns the largest absolute value, without the outermost 2 %. */
function bound(states) {
  const sizes = states.flatMap((state) => Array.from(state, Math.abs)).sort((a, b) => a - b);
  return Math.max(sizes[Math.floor(0.98 * (sizes.length - 1))], 1e-6);
}

/** One network: a heat map of its state, and the curve of the unit that is pointed at. */
function stateView(place, title, letter, stepsOf, low) {
  const box = el("div", { class: "wide" }), curve = el("div");
  const value = el("p", { class: "value", "aria-live": "polite" });
  let shown = null;
  const map = new HeatMap(box, (row, column) => {
    const unit = shown.order[row], t = shown.times[column];
    value.textContent = `“${place.reading.label(t)}”, unit ${unit}: ${letter} ` +
      `${number(shown.states[column][unit])}.`;
    const at = (sign) => (sign * shown.high).toFixed(1).replace("-", "−");
    curve.replaceChildren(chart(place, box.clientWidth,
      `${letter} of unit ${unit} at each word`, (x, y) => {
        const points = shown.states.map((state, n) => [x(shown.times[n]),
          y(0.5 + 0.5 * Math.max(-1, Math.min(1, state[unit] / shown.high)))]);
        return [draw("polyline", { points: points.join(" "), class: "curve f" }),
          ...points.map(([cx, cy]) => draw("circle", { cx, cy, r: 3, class: "dot f" }))];
      }, [at(-1), "0", at(1)]));
  });
  const part = el("div", {}, el("h3", {}, title), value, box, curve);
  part.show = () => {
    const steps = stepsOf();
    const times = steps.flatMap((step, t) => (step ? [t] : []));
    const states = times.map((t) => Array.from(steps[t][letter.toLowerCase()]));
    const order = steadyFirst(states), high = low ?? bound(states);
    shown = { times, states, order, high };
    const columns = times.indexOf(place.t);
    map.at = [Math.max(0, order.indexOf(place.unit)), Math.max(0, columns)];
    map.show({ title, rows: order.length, columns: times.length, low: -high, high,
      value: (row, column) => states[column][order[row]] }, times.map((t) => place.reading.label(t)),
    `Heat map of the state ${letter} over ${times.length} words and ${order.length} units, ` +
      "those that change least on top.");
  };
  return part;
}

/** Returns the chart of how much each word still changes the state of both networks. */
function influenceView(place, room) {
  const both = [false, true].map((isSimple) => place.comparison.influence(place, isSimple));
  const here = place.reading.label(place.t);
  const words = Array.from(both[0].keys()).filter((s) => Number.isFinite(both[0][s]));
  const far = words.filter((s) => s === words[0] || s <= place.t - FAR)
    .reduce((a, b) => (both[0][b] > both[0][a] ? b : a), words[0]);
  const says = far === undefined ? "This word is left out."
    : `Of the far words “${place.reading.label(far)}” changes the LSTM's cell state most, by ` +
      `${percent(both[0][far])}, and the state of the simple network by ${percent(both[1][far])}.`;
  return el("figure", {},
    el("figcaption", {}, el("b", {}, "What a word leaves. "), "How much the state at " +
      `“${here}” changes if a word is left out, in per cent of its size; the axis is ` +
      `logarithmic. ${says}`),
    el("p", { class: "key" }, ...NAMES.map((name, n) => el("span", {},
      draw("svg", { width: 28, height: 10, "aria-hidden": "true" },
        draw("path", { d: "M0 5H28", class: `curve ${LINES[n]}`, "stroke-dasharray": DASHES[n] })),
      ` ${name}`))),
    chart(place, room, says, (x, y) => both.flatMap((shares, n) => {
      const points = shares.flatMap((share, t) => (Number.isFinite(share)
        ? [[x(t), y(Math.max(0, Math.min(1, 1 + Math.log10(share) / DECADES)))]] : []));
      return [draw("polyline", { points: points.join(" "), class: `curve ${LINES[n]}`,
        "stroke-dasharray": DASHES[n] }), ...points.map(([cx, cy]) =>
        draw("circle", { cx, cy, r: 3, class: `dot ${LINES[n]}` }))];
    }), ["0.1", "3", "100"]));
}

export function startComparison(place) {
  const root = place.$("comparison");
  if (!place.comparison) return () => {};
  const simple = () => place.comparison.reading(place.reading);
  const maps = [
    stateView(place, "LSTM: cell state C", "C", () => place.reading.steps(place.layer)),
    stateView(place, "Simple network: state h", "h",
      () => Object.values(simple().layers).at(-1), 1)];
  const answers = el("div", { class: "answers" }), watched = el("p", { class: "state" });
  const influence = el("div");
  root.append(
    el("p", {}, "The same sentence, read by a simple recurrent network with as many units, " +
      "trained on the same texts for as long. It has no gates:"),
    el("p", { class: "equation" }, symbol("h", "t"), " = tanh(", symbol("x", "t"), " ",
      el("var", {}, "W"), " + ", symbol("h", "t−1"), " ", el("var", {}, "U"), " + ",
      el("var", {}, "b"), ")"),
    el("p", {}, "All that it carries to the next word is h, and at each word all of h goes " +
      "through the matrix U and the tanh. Units that change least are on top; unit 1 of " +
      "the one network has nothing to do with unit 1 of the other."),
    el("div", { class: "pair" }, ...maps), influence, answers, watched);
  root.addEventListener("toggle", () => {
    if (root.open !== place.isComparing) place.go({ isComparing: root.open });
  });

  return () => {
    root.hidden = place.app !== "language_modeling";
    root.open = place.isComparing;
    if (root.hidden || !root.open) return;
    maps.forEach((part) => part.show());
    influence.replaceChildren(influenceView(place, influence.clientWidth));
    scrollToWord(influence);
    const both = [place.reading.touched.answer, simple().answer];
    const largest = Math.max(...both.flatMap(({ shares }) => Math.max(...shares)));
    answers.replaceChildren(...both.map((answer, n) =>
      list(`${NAMES[n]}: the next word is`, answer, largest)));
    const shares = both.map(({ names, shares: all }) => all[names.indexOf(place.watched)]);
    watched.textContent = shares[0] === undefined ? ""
      : `“${place.watched}”: LSTM ${percent(shares[0])}, simple network ${percent(shares[1])}.`;
  };
}
