// Classifies texts, as apps/sentiment/predict.py does.

import { gateOutputs } from "./gate_outputs.js";
import { largest } from "./sampling.js";
import { padded, rowOf, softmax } from "./tensors.js";
import { tokenize } from "./tokens.js";

export function signatures({ settings, vocabulary, labels, run }) {
  const tokensOf = (text) => tokenize(text).slice(0, settings.max_length);
  const read = (texts, record) => run("sentiment",
    { token_ids: padded(texts.map((text) => vocabulary.ids(tokensOf(text)))) }, record);

  return {
    serving_default: {
      inputs: { text: [-1] },
      async call({ text }) {
        const { logits } = await read(text);
        const probabilities = text.map((_, n) => softmax(rowOf(logits, n)));
        return { probabilities, label: probabilities.map((row) => labels[largest(row)]) };
      },
    },
    gates: {
      inputs: { text: [-1] },
      async call({ text: [text] }) {
        const tokens = tokensOf(text);
        return gateOutputs(await read([text], true), () => tokens);
      },
    },
  };
}
