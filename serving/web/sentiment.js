// Sentiment: the label of a text, and the influence of each word on it.

import { ApiError } from "./api.js";
import { Jobs, bar, el, percent, walkable, wellFormed } from "./dom.js";
import { Gates } from "./gates.js";

const MODEL = "sentiment";
const MAX_TEXTS = 64; // in one request
// The model names only the label it chooses; these texts show the names of both.
const PROBES = ["A wonderful, clever and moving film.", "A dull, stupid and awful film."];
const MIN_SCALE = 0.02; // smaller changes are not shaded more strongly

/** Splits a text into at most `limit` runs of words, each with its white space. */
export function runs(text, limit) {
  const words = text.match(/(?:^\s+)?\S+\s*/g) ?? [];
  const size = Math.ceil(words.length / limit);
  const pieces = [];
  for (let n = 0; n < words.length; n += size) {
    pieces.push(words.slice(n, n + size).join(""));
  }
  return pieces;
}

const points = (change) => {
  const size = Math.abs(100 * change);
  return size < 0.95 ? size.toFixed(1) : String(Math.round(size));
};

/** Returns the words, each shaded by the change of `before` when it is left out. */
function influence(pieces, before, without, label) {
  const changes = without.map((share) => before - share);
  const largest = Math.max(MIN_SCALE, ...changes.map(Math.abs));
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
    ? "Most important words for it: " + ranked.map(([change, piece]) =>
      `“${piece}” (${points(change)})`).join(", ") + "."
    : "No single word was important.";
  return [
    el("h3", {}, "The influence of each word"),
    el("p", { class: "words" }, ...spans.flatMap((span) => [span, " "])),
    readout,
    el("p", { class: "legend" },
      "The model reads the text again without each word. ",
      el("span", { class: "word for", "--share": 0.8 }, "Underlined"),
      `: without this word ${label} is less probable; a thicker line is a larger change. `,
      el("span", { class: "word against", "--share": 0.8 }, "Dashed"),
      ": without it, more probable. Numbers are percentage points. Point at a word, or " +
      "use the arrow keys."),
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
    const pieces = runs(text, MAX_TEXTS - 1 - PROBES.length);
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
      ...influence(pieces, shares[chosen],
        pieces.map((_, n) => probabilities[n + 1][chosen]), label[0]));
    await gates.ask(api, MODEL, { text: [text] }, signal,
      "Over the words of the text, as the model reads them.");
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    jobs.run(judge);
  });
}
