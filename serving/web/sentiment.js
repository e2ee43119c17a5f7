// Sentiment: the label of a text, and the words that moved it.

import { ApiError } from "./api.js";
import { Jobs, bar, el, percent, walkable, wellFormed } from "./dom.js";
import { Gates } from "./gates.js";

const MODEL = "sentiment";
const MOST = 64; // texts in a request
// Their labels tell names of labels, which the model gives only to what it chooses.
const PROBES = ["A wonderful, clever and moving film.", "A dull, stupid and awful film."];
const LEAST = 0.02; // a change below it is not shaded as if it were a large one

/** Cuts a text into at most `most` runs of words, each with the space after it. */
export function runs(text, most) {
  const words = text.match(/\s*\S+\s*/g) ?? [];
  const size = Math.ceil(words.length / most);
  const found = [];
  for (let n = 0; n < words.length; n += size) {
    found.push(words.slice(n, n + size).join(""));
  }
  return found;
}

const points = (change) => {
  const size = Math.abs(100 * change);
  return size < 0.95 ? size.toFixed(1) : String(Math.round(size));
};

/** Returns the words, each shaded by how much `before` falls without it. */
function moved(pieces, before, without, label) {
  const changes = without.map((share) => before - share);
  const largest = Math.max(LEAST, ...changes.map(Math.abs));
  const readout = el("p", { class: "value", "aria-live": "polite" });
  const spans = pieces.map((piece, n) => {
    const side = changes[n] >= 0 ? "for" : "against";
    const strength = Math.abs(changes[n]) / largest;
    const kind = strength < 0.05 ? "word" : `word ${side}`;
    return el("span", { class: kind, "--share": strength },
      piece.trim(),
      el("span", { class: "unseen" }, ` (${points(changes[n])} points ${side}) `));
  });
  walkable(spans, (n) => {
    readout.textContent = `Without “${pieces[n].trim()}”: ${label} ` +
      `${percent(without[n])} instead of ${percent(before)}, ${points(changes[n])} ` +
      `points ${changes[n] >= 0 ? "less" : "more"}.`;
  });
  const ranked = changes.map((change, n) => [change, pieces[n].trim()])
    .filter(([change]) => change >= 0.005).sort((a, b) => b[0] - a[0]).slice(0, 3);
  readout.textContent = ranked.length
    ? "What counted most for it: " + ranked.map(([change, piece]) =>
      `“${piece}” (${points(change)})`).join(", ") + "."
    : "No single word counted much.";
  return [
    el("h3", {}, "The words that moved it"),
    el("p", { class: "words" }, ...spans.flatMap((span) => [span, " "])),
    readout,
    el("p", { class: "legend" },
      "The text was read again without each word. ",
      el("span", { class: "word for", "--share": 0.8 }, "Underlined"),
      `: without it ${label} is less probable, the thicker the more. `,
      el("span", { class: "word against", "--share": 0.8 }, "Dashed"),
      ": without it, more probable. The numbers are points of a hundred. Point at a " +
      "word, or use the arrow keys among them."),
  ];
}

export function start(panel, api) {
  const form = panel.querySelector("form");
  const result = panel.querySelector(".result");
  const gates = new Gates(panel.querySelector(".gates"));
  const jobs = new Jobs(result);

  async function judge(signal) {
    const text = wellFormed(form.elements.text.value);
    gates.clear();
    if (!text.trim()) throw new ApiError("There is no text.", "Write one first.");
    result.replaceChildren(el("p", { class: "state" }, "Reading …"));
    const pieces = runs(text, MOST - 1 - PROBES.length);
    const without = pieces.map((_, n) => pieces.filter((__, m) => m !== n).join(""));
    const { label, probabilities } = await api.predict(MODEL, "serving_default",
      { text: [text, ...without, ...PROBES] }, { signal });
    const best = probabilities.map((row) => row.indexOf(Math.max(...row)));
    const names = new Map(best.map((index, n) => [index, label[n]]));
    const [shares] = probabilities;
    const chosen = best[0];
    result.replaceChildren(
      el("p", { class: "answer" }, `${label[0]} (${percent(shares[chosen])})`),
      el("ul", { class: "bars" }, ...shares.map((share, n) =>
        bar(names.get(n) ?? `label ${n + 1}`, share, n === chosen))),
      ...moved(pieces, shares[chosen],
        pieces.map((_, n) => probabilities[n + 1][chosen]), label[0]));
    await gates.ask(api, MODEL, { text: [text] }, signal,
      "Over the words of the text, as the model reads them.");
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    jobs.run(judge);
  });
}
