// Charts over the words: the three gates as curves, and the cell state as ribbons.

import { el } from "../dom.js";
import { draw, number, shorten } from "./format.js";

const LEFT = 34, RIGHT = 12, TOP = 10, HEIGHT = 130, FOOT = 78;
const MIN_WIDTH = 26; // of a word's column
const CURVES = [["f", "forget gate", ""], ["i", "input gate", "7 4"],
  ["o", "output gate", "2 4"]]; // name, title, dashes

/**
 * Returns a chart whose columns are words: one chooses a word by a click.
 * @param room Width in CSS pixels; more words than fit make the chart wider.
 * @param title Description for screen readers.
 * @param content Function from the x and y of the chart, and the width of a column, to
 *     its elements. x takes a timestep, y a number from 0 to 1.
 * @param scale What 0, 0.5 and 1 stand for, in writing.
 */
export function chart(place, room, title, content, scale = ["0", "0.5", "1"]) {
  const count = place.reading.tokens.length;
  const column = Math.max(MIN_WIDTH, (room - LEFT - RIGHT) / count);
  const x = (t) => LEFT + (t + 0.5) * column;
  const y = (share) => TOP + (1 - share) * HEIGHT;
  const width = LEFT + RIGHT + count * column, height = TOP + HEIGHT + FOOT;
  const words = place.reading.tokens.map((_, t) => draw("text", {
    transform: `translate(${x(t) + 4} ${TOP + HEIGHT + 12}) rotate(-60)`,
    "text-anchor": "end", class: t === place.t ? "chosen-word" : "",
  }, shorten(place.reading.label(t))));
  const targets = place.reading.tokens.map((_, t) => draw("rect", {
    x: x(t) - column / 2, y: TOP, width: column, height: HEIGHT + FOOT, class: "target",
    click: () => place.go({ t }),
  }));
  return el("div", { class: "wide" }, draw("svg", { width, height, role: "img",
    viewBox: `0 0 ${width} ${height}`, "aria-label": title, class: "chart" },
  draw("rect", { x: x(place.t) - column / 2, y: TOP, width: column, height: HEIGHT,
    class: "now" }),
  ...[0, 0.5, 1].flatMap((share, n) => [
    draw("line", { x1: LEFT, x2: width - RIGHT, y1: y(share), y2: y(share), class: "grid" }),
    draw("text", { x: LEFT - 6, y: y(share) + 5, "text-anchor": "end" }, scale[n])]),
  ...content(x, y, column), ...words, ...targets));
}

/** Scrolls charts to the chosen word, which on a narrow screen may lie outside. */
export function scrollToWord(target) {
  for (const box of target.querySelectorAll(".wide")) {
    const { x, width } = box.querySelector(".now").getBBox();
    box.scrollLeft = x + width / 2 - target.clientWidth / 2;
  }
}

/** Returns the curves of the three gates, of the chosen unit or the mean of all. */
export function gateCurves(place, room) {
  const times = Array.from(place.reading.tokens.keys());
  const { reading, layer, unit } = place;
  const values = (name, read) => times
    .map((t) => [t, reading.value(layer, t, name, unit, read)])
    .filter(([, value]) => Number.isFinite(value));
  const title = `Forget, input and output gate at each word, ${place.whose}. ` +
    CURVES.map(([name, gate]) => {
      const [t, most] = values(name).reduce((a, b) => (b[1] > a[1] ? b : a));
      return `The ${gate} is highest at “${place.reading.label(t)}”: ${number(most)}.`;
    }).join(" ");
  return el("figure", {},
    el("p", { class: "key" }, ...(reading.touch.isEmpty ? [] : ["Pale: untouched."]),
      ...CURVES.map(([name, gate, dashes]) =>
      el("span", {}, draw("svg", { width: 28, height: 10, "aria-hidden": "true" },
        draw("path", { d: "M0 5H28", class: `curve ${name}`, "stroke-dasharray": dashes })),
      ` ${gate} ${number(place.value(name))}`))),
    chart(place, room, title, (x, y) => CURVES.flatMap(([name, , dashes]) => {
      const pointsOf = (read) => values(name, read).map(([t, value]) => [x(t), y(value)]);
      const points = pointsOf(reading.touched);
      const before = reading.touch.isEmpty ? [] : [draw("polyline", {
        points: pointsOf(reading.untouched).join(" "), class: `curve before ${name}` })];
      return [
        ...before,
        draw("polyline", { points: points.join(" "), class: `curve ${name}`,
          "stroke-dasharray": dashes }),
        ...points.map(([cx, cy]) => draw("circle", { cx, cy, r: 3, class: `dot ${name}` })),
      ];
    })));
}

const HUE_STEP = 137.5; // degrees; neighbours get colours that are far apart

/** Returns what each earlier word still contributes to the cell state, as ribbons. */
export function ribbons(place, room) {
  const { trace, times, held } = place.reading.trace(place.layer);
  const at = times.indexOf(place.t);
  const shares = at < 0 ? [] : times.map((t, s) => [held.value(at, s), t])
    .sort((a, b) => b[0] - a[0]).slice(0, 3).filter(([share]) => share >= 0.01);
  const says = shares.map(([share, t]) =>
    `“${place.reading.label(t)}” ${Math.round(100 * share)} %`).join(", ");
  const title = at < 0 ? "This word is left out." : "Who wrote the cell state after " +
    `“${place.reading.label(place.t)}”: ${says}.`;
  const order = trace.backwards ? times.map((_, n) => n).reverse() : times.map((_, n) => n);
  const below = (row, s) => order.slice(0, order.indexOf(s))
    .reduce((sum, each) => sum + held.value(row, each), 0);
  return el("figure", {},
    el("figcaption", {}, el("b", {}, "Still held. "), title),
    chart(place, room, title, (x, y, column) => times.map((t, s) => {
      const rows = times.map((_, row) => row).filter((row) =>
        (trace.backwards ? row <= s : row >= s));
      const edge = (row, share) => [-0.5, 0.5].map((side) =>
        `${x(times[row]) + side * column} ${y(Math.min(1, share))}`);
      const low = rows.flatMap((row) => edge(row, below(row, s)));
      const high = rows.flatMap((row) => edge(row, below(row, s) + held.value(row, s)));
      const ribbon = draw("path", {
        d: `M${[...low, ...high.reverse()].join("L")}Z`, "--hue": (HUE_STEP * s) % 360,
        class: t === place.t ? "ribbon own" : "ribbon" });
      ribbon.append(draw("title", {}, place.reading.label(t)));
      return ribbon;
    })));
}
