// Question answering: the answer, and the facts or the words that support it.

import { ApiError } from "./api.js";
import { Jobs, el, percent, wellFormed } from "./dom.js";
import { Gates } from "./gates.js";
import { storySentences } from "./sentences.js";

const MODEL = "question_answering";
const PASSAGE = {
  context: "The lighthouse of Skelpoint was built in 1884 by Margaret Innes, an " +
    "engineer from Leith. It stands on a rock two miles off the coast and was lit by " +
    "oil until 1931. Since 1985 it has no keeper.",
  question: "Who built the lighthouse?",
};

/** Returns a table of the sentences with the attention of each hop. */
function facts(story, hops) {
  const kept = hops[0].length;
  const rows = storySentences(story).slice(-kept);
  const seen = (n) => Math.max(...hops.map((hop) => hop[n]));
  return [
    el("h3", {}, "The facts that the model used"),
    el("div", { class: "wide" }, el("table", { class: "facts" },
      el("thead", {}, el("tr", {},
        el("th", { scope: "col" }, "sentence"),
        ...hops.map((_, n) => el("th", { scope: "col" }, `look ${n + 1}`)))),
      el("tbody", {}, ...rows.map((sentence, n) => el("tr", {},
        el("th", { scope: "row", class: seen(n) >= 0.3 ? "seen" : "" }, sentence),
        ...hops.map((hop) => el("td", { class: "share", "--share": hop[n] },
          percent(hop[n])))))))),
    el("p", { class: "legend" },
      hops.length > 1
        ? "Each look distributes the model's attention over the sentences; its result " +
          "decides where the model looks next. "
        : "The model's attention, distributed over the sentences. ",
      "At a sentence the model reads the state of an LSTM that has read the story in " +
      "both directions, so a fact may come from another sentence about the same people " +
      "or things. It was trained without labels for the facts."),
  ];
}

/** Returns the passage with the answer marked; positions count Unicode characters. */
function marked(passage, start, end) {
  const characters = Array.from(passage);
  const part = (...range) => characters.slice(...range).join("");
  return [
    el("h3", {}, "The answer in the passage"),
    el("p", { class: "words document" },
      part(0, start), el("mark", {}, part(start, end)), part(end)),
  ];
}

export function start(panel, api) {
  const form = panel.querySelector("form");
  const result = panel.querySelector(".result");
  const gates = new Gates(panel.querySelector(".gates"));
  const jobs = new Jobs(result);

  async function answer(signal) {
    const { context, question } = form.elements;
    const texts = {
      context: wellFormed(context.value), question: wellFormed(question.value),
    };
    gates.clear();
    if (!texts.context.trim() || !texts.question.trim()) {
      throw new ApiError("The text or the question is empty.", "Fill in both fields.");
    }
    const inputs = { context: [texts.context], question: [texts.question] };
    result.replaceChildren(el("p", { class: "state" }, "Reading …"));
    const outputs = await api.predict(MODEL, "serving_default", inputs, { signal });
    result.replaceChildren(
      el("p", { class: "answer" }, `${outputs.answer[0] || "(nothing)"} ` +
        `(${percent(outputs.score[0])})`));
    if (outputs.start) {
      result.append(...marked(texts.context, outputs.start[0], outputs.end[0]));
    } else {
      const { attention } = await api.predict(MODEL, "attention", inputs,
        { signal, only: "attention" });
      result.append(...facts(texts.context, attention[0]));
    }
    await gates.ask(api, MODEL, inputs, signal, outputs.start
      ? "Over the words of the passage and of the question."
      : "Over the sentences of the story and the words of the question.");
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    jobs.run(answer);
  });

  return {
    /** Shows a passage as the example if the model reads passages. */
    async served() {
      const signature = await api.signature(MODEL, "serving_default");
      const { context, question } = form.elements;
      if (!signature?.outputs.start || context.value !== context.defaultValue) return;
      context.value = PASSAGE.context;
      question.value = PASSAGE.question;
    },
  };
}
