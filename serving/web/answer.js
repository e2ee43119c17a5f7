// Question answering: an answer, and the facts or the words that it rests on.

import { ApiError } from "./api.js";
import { Jobs, el, percent, wellFormed } from "./dom.js";
import { Gates } from "./gates.js";

const MODEL = "question_answering";
const PASSAGE = {
  context: "The lighthouse of Skelpoint was built in 1884 by Margaret Innes, an " +
    "engineer from Leith. It stands on a rock two miles off the coast and was lit by " +
    "oil until 1931. Since 1985 it has no keeper.",
  question: "Who built the lighthouse?",
};

/** Returns the sentences of a story, cut as the model cuts them. */
export function sentences(story) {
  return story.split(/[.!?\r\n]+/).map((part) => part.trim()).filter(Boolean);
}

/** Returns a table of sentences with what each look at the story saw of them. */
function facts(story, hops) {
  const kept = hops[0].length;
  const rows = sentences(story).slice(-kept);
  const seen = (n) => Math.max(...hops.map((hop) => hop[n]));
  return [
    el("h3", {}, "The facts it looked at"),
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
        ? "Each look is shared out among the sentences; what it found tells the model " +
          "where to look next. "
        : "The model's attention, shared out among the sentences. ",
      "What it finds at a sentence is what the LSTM held there, having read in both " +
      "directions: that may come from another sentence about the same people and " +
      "things. Nobody told it which sentences count."),
  ];
}

/** Returns the passage with the answer marked; places count Unicode characters. */
function marked(passage, start, end) {
  const characters = Array.from(passage);
  const part = (...range) => characters.slice(...range).join("");
  return [
    el("h3", {}, "Where it stands"),
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
    const asked = {
      context: wellFormed(context.value), question: wellFormed(question.value),
    };
    gates.clear();
    if (!asked.context.trim() || !asked.question.trim()) {
      throw new ApiError("A text and a question are needed.", "Write what is missing.");
    }
    const inputs = { context: [asked.context], question: [asked.question] };
    result.replaceChildren(el("p", { class: "state" }, "Reading …"));
    const found = await api.predict(MODEL, "serving_default", inputs, { signal });
    result.replaceChildren(
      el("p", { class: "answer" }, `${found.answer[0] || "(nothing)"} ` +
        `(${percent(found.score[0])})`));
    if (found.start) {
      result.append(...marked(asked.context, found.start[0], found.end[0]));
    } else {
      const { attention } = await api.predict(MODEL, "attention", inputs,
        { signal, only: "attention" });
      result.append(...facts(asked.context, attention[0]));
    }
    await gates.ask(api, MODEL, inputs, signal, found.start
      ? "Over the words of the passage, and of the question."
      : "Over the sentences of the story, and over the words of the question.");
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    jobs.run(answer);
  });

  return {
    /** A reader of passages gets a passage as its example, unless there is a text. */
    async served() {
      const signature = await api.signature(MODEL, "serving_default");
      const { context, question } = form.elements;
      if (!signature?.outputs.start || context.value !== context.defaultValue) return;
      context.value = PASSAGE.context;
      question.value = PASSAGE.question;
    },
  };
}
