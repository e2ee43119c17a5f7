// Continues texts token by token, as apps/language_modeling/predict.py does.

import { gateOutputs } from "./gate_outputs.js";
import { choose } from "./sampling.js";
import { floats, nested, padded } from "./tensors.js";
import { languageOf } from "./text.js";

const FOLLOWING = 3; // most probable next tokens that `gates` returns

export function signatures({ settings, vocabulary, graphs, run }) {
  const language = languageOf(settings.tokenization);
  const start = vocabulary.id(language.start);
  const end = language.end === null ? null : vocabulary.id(language.end);
  const states = Object.fromEntries(Object.entries(graphs.language_model.inputs)
    .filter(([name]) => /^[hc]_\d+$/.test(name))
    .map(([name, { shape }]) => [name, [-1, shape[1]]]));
  const joined = (ids) => language.join(ids.map((id) => vocabulary.tokens[id]));

  /** Reads token ids from a state; returns the outputs, and the last token's logits. */
  async function read(ids, state, record) {
    const carried = Object.fromEntries(Object.entries(states).map(([name, [, units]]) =>
      [name, floats(state?.[name] ?? new Array(units).fill(0), [1, units])]));
    const outputs = await run("language_model", { token_ids: padded([ids]), ...carried },
      record);
    const { data, dims } = outputs.logits;
    return { outputs, last: data.subarray(data.length - dims[2]) };
  }

  return {
    stream: {
      inputs: { prompt: [-1], temperature: [-1], top_k: [-1], top_p: [-1],
        repetition_penalty: [-1], seed: [-1], token_ids: [-1, -1], ...states },
      async call({ prompt: [prompt], token_ids: [before], seed: [seed], ...given }) {
        const ids = vocabulary.ids(language.split(prompt));
        const { outputs, last } = await read([before.at(-1) ?? start, ...ids], given);
        const known = [...before, ...ids];
        const next = choose(last, known, {
          temperature: given.temperature[0], top_k: given.top_k[0], top_p: given.top_p[0],
          repetition_penalty: given.repetition_penalty[0], seed: [seed, known.length],
        });
        const more = [...known, next], ended = next === end;
        return {
          text: [ended ? "" : joined(more).slice(joined(known).length)],
          ended: [ended],
          token_ids: [more],
          ...Object.fromEntries(Object.keys(states).map((name) =>
            [name, nested(outputs[`next_${name}`])])),
        };
      },
    },
    gates: {
      inputs: { text: [-1] },
      async call({ text: [text] }) {
        const tokens = language.split(text);
        const ids = [start, ...vocabulary.ids(tokens)];
        const { outputs, last } = await read(ids, null, true);
        const best = Array.from(last.keys()).sort((a, b) => last[b] - last[a] || a - b);
        return {
          following: [best.slice(0, FOLLOWING).map((id) => vocabulary.tokens[id])],
          ...gateOutputs(outputs, () => [language.start, ...tokens]),
        };
      },
    },
  };
}
