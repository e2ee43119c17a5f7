// Language modelling: a text that the model goes on with, word by word.

import { ApiError, firstCarry, stale } from "./api.js";
import { Jobs, el, wellFormed } from "./dom.js";
import { Gates } from "./gates.js";
import { shown } from "./traces.js";

const MODEL = "language_modeling";
const SETTINGS = ["prompt", "temperature", "top_k", "top_p", "repetition_penalty",
  "seed"];
const END = "<eos>"; // what the model writes at the end of a text
const PENALTY = 1.1; // what the command line takes as well

/** Yields the pieces that the model writes, one after the other. */
async function* pieces(api, settings, most, signal) {
  const signature = await api.signature(MODEL, "stream", signal);
  if (!signature) {
    throw new ApiError("The served model has no signature stream.", stale(MODEL));
  }
  const given = Object.fromEntries(Object.entries(settings)
    .filter(([name]) => name in signature.inputs)
    .map(([name, value]) => [name, [value]]));
  let carry = firstCarry(signature, SETTINGS);
  for (let n = 0; n < most; n++) {
    const inputs = { ...given, ...carry };
    if (n) inputs.prompt = [""];
    const answer = await api.predict(MODEL, "stream", inputs, { signal });
    if (answer.ended[0]) return;
    yield answer.text[0];
    carry = Object.fromEntries(Object.keys(carry).map((name) => [name, answer[name]]));
  }
}

export function start(panel, api) {
  const form = panel.querySelector("form");
  const stop = panel.querySelector(".stop");
  const result = panel.querySelector(".result");
  const gates = new Gates(panel.querySelector(".gates"));
  const jobs = new Jobs(result, (busy) => { stop.disabled = !busy; });
  let ending = null; // ends the writing, but not the job

  async function write(signal) {
    const { prompt, temperature, top_p: topP, most } = form.elements;
    const own = wellFormed(prompt.value), limit = Number(most.value);
    const made = el("span", { class: "made" });
    const state = el("p", { class: "state" }, "Reading what is there …");
    result.replaceChildren(el("p", { class: "written" }, own, made), state);
    gates.clear();
    ending = new AbortController();
    const either = AbortSignal.any([signal, ending.signal]);
    const settings = { prompt: own, temperature: Number(temperature.value), top_k: 0,
      top_p: Number(topP.value), repetition_penalty: PENALTY,
      seed: Math.floor(Math.random() * 2 ** 30) };
    let count = 0, why = "That is as many as you asked for.";
    try {
      for await (const piece of pieces(api, settings, limit, either)) {
        made.append(piece);
        count += 1;
        state.textContent = `Length ${count} of at most ${limit}`;
      }
      if (count < limit) why = "Here the model ended the text.";
    } catch (error) {
      if (signal.aborted || !ending.signal.aborted) throw error;
      why = "Stopped.";
    }
    state.textContent = `Length ${count}. ${why}`;
    stop.disabled = true;
    const text = own + made.textContent;
    const outputs = await gates.ask(api, MODEL, { text: [text] }, signal,
      `Over your text and what the model wrote. ${END} ends a text, and so stands ` +
      "before the next.");
    const next = outputs?.following?.[0];
    if (next?.length) {
      state.append(el("br"), "Most probable after all this: ",
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
    const told = () => { slider.nextElementSibling.value = slider.value; };
    slider.addEventListener("input", told);
    told();
  }
}
