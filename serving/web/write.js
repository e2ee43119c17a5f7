// Language modelling: the model continues a text, word by word.

import { ApiError, initialState, stale } from "./api.js";
import { Jobs, el, wellFormed } from "./dom.js";
import { Gates } from "./gates.js";
import { shown } from "./traces.js";

const MODEL = "language_modeling";
const SETTINGS = ["prompt", "temperature", "top_k", "top_p", "repetition_penalty",
  "seed"];
const END = "<eos>"; // the token at the end of a text
const PENALTY = 1.1; // as on the command line

/** Yields the tokens that the model writes, at most `length`. */
async function* pieces(api, settings, length, signal) {
  const signature = await api.signature(MODEL, "stream", signal);
  if (!signature) {
    throw new ApiError("The served model has no signature stream.", stale(MODEL));
  }
  const given = Object.fromEntries(Object.entries(settings)
    .filter(([name]) => name in signature.inputs)
    .map(([name, value]) => [name, [value]]));
  let state = initialState(signature, SETTINGS);
  for (let n = 0; n < length; n++) {
    const inputs = { ...given, ...state };
    if (n) inputs.prompt = [""];
    const answer = await api.predict(MODEL, "stream", inputs, { signal });
    if (answer.ended[0]) return;
    yield answer.text[0];
    state = Object.fromEntries(Object.keys(state).map((name) => [name, answer[name]]));
  }
}

export function start(panel, api) {
  const form = panel.querySelector("form");
  const stop = panel.querySelector(".stop");
  const result = panel.querySelector(".result");
  const gates = new Gates(panel.querySelector(".gates"));
  const jobs = new Jobs(result, (busy) => { stop.disabled = !busy; });
  let ending = null; // stops the writing, but not the job

  async function write(signal) {
    const { prompt, temperature, top_p: topP, most } = form.elements;
    const beginning = wellFormed(prompt.value), limit = Number(most.value);
    const written = el("span", { class: "made" });
    const state = el("p", { class: "state" }, "Reading the beginning …");
    result.replaceChildren(el("p", { class: "written" }, beginning, written), state);
    gates.clear();
    ending = new AbortController();
    const either = AbortSignal.any([signal, ending.signal]);
    const settings = { prompt: beginning, temperature: Number(temperature.value), top_k: 0,
      top_p: Number(topP.value), repetition_penalty: PENALTY,
      seed: Math.floor(Math.random() * 2 ** 30) };
    let count = 0, reason = "The length is reached.";
    try {
      for await (const piece of pieces(api, settings, limit, either)) {
        written.append(piece);
        count += 1;
        state.textContent = `Length ${count} of at most ${limit}`;
      }
      if (count < limit) reason = "The model ended the text.";
    } catch (error) {
      if (signal.aborted || !ending.signal.aborted) throw error;
      reason = "Stopped.";
    }
    state.textContent = `Length ${count}. ${reason}`;
    stop.disabled = true;
    const text = beginning + written.textContent;
    const outputs = await gates.ask(api, MODEL, { text: [text] }, signal,
      `Over your text and the model's. ${END} marks the end of a text, here of the ` +
      "one before.");
    const next = outputs?.following?.[0];
    if (next?.length) {
      state.append(el("br"), "Most probable next words: ",
        ...next.flatMap((word, n) => [n ? ", " : "", el("b", {}, word === END ? "the end" : shown(word))]),
        ".");
    }
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    jobs.run(write);
  });
  stop.addEventListener("click", () => ending?.abort());
  for (const slider of form.querySelectorAll("input[type=range]")) {
    const showValue = () => { slider.nextElementSibling.value = slider.value; };
    slider.addEventListener("input", showValue);
    showValue();
  }
}
