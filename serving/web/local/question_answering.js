// Answers questions, as apps/question_answering/predict.py does.

import { storySentences } from "../sentences.js";
import { gateOutputs } from "./gate_outputs.js";
import { largest } from "./sampling.js";
import { nested, padded, softmax, tensor } from "./tensors.js";
import { UNKNOWN, UNKNOWN_ID, locatedTokens } from "./tokens.js";

const TEXTS = { context: [-1], question: [-1] };

/** Returns the first and last token of the most probable span, and its score. */
function bestSpan(ofFirst, ofLast, longest) {
  let best = { score: -Infinity };
  for (let more = 0; more < longest; more++) {
    for (let first = 0; first + more < ofFirst.length; first++) {
      const last = first + more, score = ofFirst[first] + ofLast[last];
      if (score > best.score) best = { first, last, score };
    }
  }
  return best;
}

/** Returns a function from tokens to ids: each distinct unknown token has its own. */
function idsIn(vocabulary) {
  const unknown = new Map();
  return (tokens) => tokens.map((token) => {
    const id = vocabulary.id(token);
    if (id !== UNKNOWN_ID || token === UNKNOWN) return id;
    if (!unknown.has(token)) unknown.set(token, vocabulary.size + unknown.size);
    return unknown.get(token);
  });
}

export function signatures({ settings, vocabulary, labels, run }) {
  const stories = settings.reads === "stories";

  /** Runs the model; also returns the question's tokens and the context's parts. */
  async function read({ context: [context], question: [question] }, record) {
    const idsOf = idsIn(vocabulary);
    const { tokens: words } = locatedTokens(question);
    let ids, parts, located = null;
    if (stories) {
      parts = storySentences(context).slice(-settings.sentences);
      const { type, data, dims } = padded(
        parts.map((part) => idsOf(locatedTokens(part).tokens)));
      ids = tensor(type, data, [1, ...dims]);
    } else {
      located = locatedTokens(context);
      parts = located.tokens;
      ids = padded([idsOf(parts)]);
    }
    const outputs = await run("question_answering",
      { context: ids, question: padded([idsOf(words)]) }, record);
    return { outputs, words, parts, located };
  }

  async function answer(inputs) {
    const { outputs: { logits }, located } = await read(inputs);
    if (stories) {
      const probabilities = softmax(logits.data);
      const best = largest(probabilities);
      return { answer: [labels[best]], score: [probabilities[best]] };
    }
    const [ofFirst, ofLast] = nested(logits)[0].map((row) => softmax(row, { log: true }));
    const { first, last, score } = bestSpan(ofFirst, ofLast, settings.longest_answer);
    const start = located.starts[first], end = located.ends[last];
    const characters = Array.from(inputs.context[0]);
    return { answer: [characters.slice(start, end).join("")], score: [Math.exp(score)],
      start: [start], end: [end] };
  }

  return {
    serving_default: {
      inputs: TEXTS,
      outputs: ["answer", "score", ...(stories ? [] : ["start", "end"])],
      call: answer,
    },
    attention: {
      inputs: TEXTS,
      async call(inputs) {
        const { outputs: { attention } } = await read(inputs);
        return { attention: nested(attention) };
      },
    },
    gates: {
      inputs: TEXTS,
      async call(inputs) {
        const { outputs, words, parts } = await read(inputs, true);
        // An empty story has one empty sentence.
        const labelled = parts.map((part, n) => (part === "" && n === 0 ? UNKNOWN : part));
        return gateOutputs(outputs, (layer) => (layer === "sentence_reader" ? null
          : layer.includes("question") ? words : labelled));
      },
    },
  };
}
