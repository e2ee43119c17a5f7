// Summarization: a summary, and the attention of each of its words.

import { ApiError } from "./api.js";
import { Jobs, el, percent, walkable, wellFormed } from "./dom.js";
import { Gates } from "./gates.js";

const MODEL = "summarization";
const COPIED = 0.5;

/** Returns the words of summary and document; selecting one shows its attention. */
function looks(words, copied, tokens, attention) {
  const readout = el("p", { class: "value", "aria-live": "polite" },
    "Point at a word of the summary, or use the arrow keys, to see where the model " +
    "looked.");
  const read = tokens.map((token) => el("span", { class: "token" }, token));
  const spans = words.map((word, n) =>
    el("span", { class: copied[n] >= COPIED ? "word copied" : "word" }, word,
      el("span", { class: "unseen" }, copied[n] >= COPIED ? " (copied) " : " ")));
  walkable(spans, (n) => {
    const weights = attention[n].slice(0, tokens.length);
    const largest = Math.max(...weights, 1e-9);
    read.forEach((token, m) => {
      token.style.setProperty("--share", weights[m] / largest);
      token.classList.toggle("seen", weights[m] > 0.3 * largest);
    });
    spans.forEach((span) => span.classList.toggle("chosen", span === spans[n]));
    const top = weights.map((weight, m) => [weight, tokens[m]])
      .filter(([weight]) => weight >= 0.01)
      .sort((a, b) => b[0] - a[0]).slice(0, 3)
      .map(([weight, token]) => `“${token}” (${percent(weight)})`);
    readout.textContent = `“${words[n]}”: ` + (copied[n] >= COPIED
      ? `copied (probability ${percent(copied[n])})`
      : `from the vocabulary (copied with probability ${percent(copied[n])})`) +
      `. The model looked at ${top.join(", ") || "nothing in particular"}.`;
  });
  return [
    el("h3", {}, "The attention of each word"),
    el("p", { class: "words" }, ...spans.flatMap((span) => [span, " "])),
    readout,
    el("p", { class: "words document", "aria-label": "The document as the model reads it" },
      ...read.flatMap((token) => [token, " "])),
    el("p", { class: "legend" },
      el("span", { class: "word copied" }, "Boxed"),
      " words of the summary were copied from the document; the others come from the " +
      "model's vocabulary. The document is shown as the model reads it; the words with " +
      "the most attention are ",
      el("span", { class: "token seen", "--share": 0.9 }, "dark and underlined"), "."),
  ];
}

export function start(panel, api) {
  const form = panel.querySelector("form");
  const result = panel.querySelector(".result");
  const gates = new Gates(panel.querySelector(".gates"));
  const jobs = new Jobs(result);

  async function summarize(signal) {
    const text = wellFormed(form.elements.document.value);
    gates.clear();
    if (!text.trim()) {
      throw new ApiError("There is no document.", "Write or paste one first.");
    }
    result.replaceChildren(el("p", { class: "state" }, "Reading and writing …"));
    const inputs = { document: [text] };
    const answer = await api.predict(MODEL, "attention", inputs, { signal });
    const words = answer.summary_tokens[0].filter((token) => token !== "");
    const tokens = answer.document_tokens[0].filter((token) => token !== "");
    result.replaceChildren(
      el("p", { class: "answer" }, answer.summary[0] || "(nothing)"),
      el("p", { class: "state" }, `Score ${answer.score[0].toFixed(2).replace("-", "−")}: the log ` +
        "probability, normalized by length; closer to 0 is more certain."));
    if (words.length) {
      result.append(...looks(words, answer.copied[0], tokens, answer.attention[0]));
    }
    await gates.ask(api, MODEL, inputs, signal,
      "The encoder reads the document in both directions; the decoder writes the " +
      "summary, one timestep per word.");
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    jobs.run(summarize);
  });
}
