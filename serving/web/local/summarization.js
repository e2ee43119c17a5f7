// Summarizes documents, as apps/summarization/predict.py does.

import { search } from "./beam.js";
import { addGates, gateOutputs } from "./gate_outputs.js";
import { gathered, nested, padded, rowOf, tensor } from "./tensors.js";
import { joinWords } from "./text.js";
import { UNKNOWN, UNKNOWN_ID, tokenize } from "./tokens.js";

const END = "<eos>";
const FIXED = ["memory", "keys", "bias"]; // what all steps share
const STATE = ["h", "c", "context", "coverage"];

const pick = (values, names, prefix = "") =>
  Object.fromEntries(names.map((name) => [name, values[prefix + name]]));

export function signatures({ settings, vocabulary, run }) {
  const start = vocabulary.id(END);

  /** Returns the tokens of a document, and their ids in the extended vocabulary. */
  function read(document) {
    const tokens = tokenize(document).slice(0, settings.document_tokens);
    const ids = vocabulary.ids(tokens);
    const copied = ids.map((id, n) =>
      (id === UNKNOWN_ID ? vocabulary.size + tokens.indexOf(tokens[n]) : id));
    return { tokens, ids, copied };
  }

  /** Returns a step function for `search`, which keeps the state of each hypothesis. */
  function stepOf(encoded, copied, beam) {
    const rows = new Array(beam).fill(0);
    const fixed = Object.fromEntries(Object.entries(
      { ...pick(encoded, FIXED), copy_ids: padded([copied]) })
      .map(([name, array]) => [name, gathered(array, rows)]));
    let state = pick(encoded, STATE);
    return async (last, parents) => {
      const carried = Object.fromEntries(Object.entries(state).map(([name, array]) =>
        [name, gathered(array, parents)]));
      const outputs = await run("decoder",
        { ids: tensor("int32", last, [beam]), ...fixed, ...carried });
      state = pick(outputs, STATE, "next_");
      return outputs;
    };
  }

  async function summarize(document, record) {
    const { tokens, ids, copied } = read(document);
    const encoded = await run("encoder", { token_ids: padded([ids]) }, record);
    const { beam } = settings.decode;
    const step = stepOf(encoded, copied, beam);
    let found = { ids: [], score: 0 };
    if (tokens[0] !== UNKNOWN) { // else the document has no tokens
      found = await search(async (last, parents) => {
        const { log_probabilities: rows } = await step(last, parents);
        return last.map((_, n) => rowOf(rows, n));
      }, start, settings.decode);
    }
    const words = found.ids.map((id) =>
      vocabulary.tokens[id] ?? tokens[id - vocabulary.size]);
    return { tokens, copied, encoded, words, ...found };
  }

  /** Returns the decoder's outputs at each word of a summary. */
  async function decode({ encoded, copied, ids }) {
    const step = stepOf(encoded, copied, 1), steps = [];
    for (const id of [start, ...ids].slice(0, ids.length)) steps.push(await step([id], [0]));
    return steps;
  }

  return {
    attention: {
      inputs: { document: [-1] },
      async call({ document: [document] }) {
        const summary = await summarize(document);
        const steps = await decode(summary);
        return {
          summary: [joinWords(summary.words)],
          score: [summary.score],
          document_tokens: [summary.tokens],
          summary_tokens: [summary.words],
          attention: [steps.map(({ attention }) => Array.from(attention.data))],
          copied: [steps.map((outputs) => outputs.copied.data[0])],
        };
      },
    },
    gates: {
      inputs: { document: [-1] },
      async call({ document: [document] }) {
        const summary = await summarize(document, true);
        const steps = await decode(summary);
        const result = gateOutputs(summary.encoded, () => summary.tokens);
        addGates(result, "decoder", summary.words,
          ["f", "i", "c_tilde", "next_c", "o", "next_h"].map((name) =>
            steps.map((outputs) => nested(outputs[name])[0])));
        return result;
      },
    },
  };
}
