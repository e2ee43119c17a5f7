// The trained models: from a text to tokens, and from tokens to every value and an answer.

import { softmax } from "../local/tensors.js";
import { Vocabulary } from "../local/text.js";
import { UNKNOWN, UNKNOWN_ID, tokenize } from "../local/tokens.js";
import { UNTOUCHED, runNetwork } from "./network.js";
import { product } from "./step.js";

function bytes(base64) {
  const text = atob(base64), result = new Uint8Array(text.length);
  for (let n = 0; n < text.length; n++) result[n] = text.charCodeAt(n);
  return result;
}
/** Returns the numbers of base64 of float32. */
export const floats = (base64) => new Float32Array(bytes(base64).buffer);
const LONGEST = 120; // words that are read; the heat map shows no more
const SPECIAL = new Map([["<unk>", "(rare word)"], ["<eos>", "(end of text)"],
  ["<pad>", "(padding)"]]);

/** Returns a token as the page shows it. */
export const named = (token) => SPECIAL.get(token) ?? token;

/** Word vectors as int8: a row is its integers times its scale. */
export class Table {
  constructor({ columns, integers, scales }) {
    this.columns = columns;
    this.integers = new Int8Array(bytes(integers).buffer);
    this.scales = floats(scales);
  }

  row(id) {
    const first = id * this.columns;
    return Float64Array.from(this.integers.subarray(first, first + this.columns),
      (integer) => integer * this.scales[id]);
  }

  /** Returns the product of a vector and each row. */
  products(vector) {
    return Float64Array.from(this.scales, (scale, id) => {
      let sum = 0;
      for (let n = 0, at = id * this.columns; n < this.columns; n++, at++) {
        sum += vector[n] * this.integers[at];
      }
      return scale * sum;
    });
  }
}

/** Returns an LSTM with its weights as numbers. */
export const cellOf = (layer) => ({
  ...layer,
  kernel: floats(layer.kernel),
  recurrent_kernel: floats(layer.recurrent_kernel),
  bias: floats(layer.bias),
});

/** What both models share: the words, the cells, and how they read tokens. */
class Model {
  constructor(data) {
    this.vocabulary = new Vocabulary(data.vocabulary);
    this.embedding = new Table(data.embedding);
    this.longest = Math.min(LONGEST, data.max_length ?? LONGEST);
    this.levels = data.levels.map((level) => level.map(cellOf));
    this.layers = Object.fromEntries(this.levels.flat().map((each) => [each.name, each]));
  }

  /** Splits a text into words. */
  split(text) {
    return tokenize(text);
  }

  /**
   * Returns the first tokens of a text, at most `longest`: each its `word` and the `id`
   * that the model reads.
   */
  tokens(text) {
    return this.split(text).slice(0, this.longest)
      .map((word) => ({ word, id: this.vocabulary.id(word) }));
  }

  /**
   * Reads tokens.
   * @returns `layers`, the steps of each layer by its name, and `answer`: the `names` of
   *     what can be answered and their `shares`, which sum to 1.
   */
  read(tokens, touch = UNTOUCHED) {
    const inputs = tokens.map(({ id }) => this.embedding.row(id));
    const { layers, outputs } = runNetwork(this.levels, inputs, touch);
    return { layers, answer: this.answer(outputs.filter(Boolean)) };
  }
}

/** Predicts the next word; the word vectors are also those of the logits. */
export class LanguageModel extends Model {
  constructor(data) {
    super(data);
    this.start = data.start;
    this.bias = floats(data.bias);
  }

  split(text) {
    const words = super.split(text).filter((word) => word !== UNKNOWN);
    return [this.vocabulary.tokens[this.start], ...words];
  }

  answer(outputs) {
    const logits = this.embedding.products(outputs.at(-1));
    return {
      names: this.vocabulary.tokens,
      shares: softmax(logits.map((value, id) => value + this.bias[id])),
    };
  }
}

/** Chooses a label from the largest output of each unit over time. */
export class SentimentModel extends Model {
  constructor(data) {
    super(data);
    this.labels = data.labels;
    this.kernel = floats(data.kernel);
    this.bias = floats(data.bias);
  }

  answer(outputs) {
    const pooled = outputs[0].map((_, unit) =>
      Math.max(...outputs.map((output) => output[unit])));
    const logits = product(pooled, this.kernel).map((value, n) => value + this.bias[n]);
    return { names: this.labels, shares: softmax(logits) };
  }
}

/** Returns whether a model knows a token, which it else reads as <unk>. */
export const isKnown = ({ id }) => id !== UNKNOWN_ID;
