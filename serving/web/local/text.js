// Vocabularies, the language model's tokens, and joining of tokens to texts.

import { CHARACTER, PADDING_ID, UNKNOWN, UNKNOWN_ID, tokenize } from "./tokens.js";

const END = "<eos>", NEW_LINE = "<eol>";
const SPACES = /[ \t\n\v\f\r]+/;

// Rules that join words and punctuation, applied in this order, as in Python.
const JOINTS = [
  [/" ([^"]*?) ?"/gu, '"$1"'],
  [/" ([^"]*)$/gu, '"$1'],
  [/ ?([。、・「」『』《》〈〉【】]) ?/gu, "$1"],
  // The first time joins every second blank, the second time the others. A character
  // without a blank matches, too: else a long run of marks is read once for each mark.
  ...Array(2).fill([new RegExp(`(${CHARACTER})(?: (${CHARACTER}))?`, "gu"), "$1$2"]),
  [/ ([.,;:!?%)\]}])/gu, "$1"],
  [/([([{$£€#]) /gu, "$1"],
  [/ (n't|'(?:s|re|ve|ll|d|m))\b/gu, "$1"],
  [/([\p{L}\p{N}]) -( |$)/gu, "$1-"],
  [/(\p{N})([.:]) (\p{N})/gu, "$1$2$3"],
  [/(\p{N}), (\p{N}{3})\b/gu, "$1,$2"],
];

/** Joins words and punctuation to a text with the usual spacing. */
export const joinWords = (tokens) => JOINTS.reduce(
  (text, [pattern, replacement]) => text.replace(pattern, replacement), tokens.join(" "));

/** Maps tokens to ids; 0 is padding, 1 the unknown token. */
export class Vocabulary {
  /** @param text Content of vocabulary.txt: one token per line, in the order of ids. */
  constructor(text) {
    this.tokens = text.replace(/\n+$/, "").split("\n");
    this.known = new Map(this.tokens.map((token, id) => [token, id]).slice(2));
  }

  get size() {
    return this.tokens.length;
  }

  id(token) {
    return token === "" ? PADDING_ID : this.known.get(token) ?? UNKNOWN_ID;
  }

  ids(tokens) {
    return tokens.map((token) => this.id(token));
  }
}

/**
 * Returns functions for one tokenization of a language model.
 * @param tokenization "words", "spaces" or "characters".
 */
export function languageOf(tokenization) {
  if (tokenization === "characters") {
    return {
      start: NEW_LINE, // the token before a text
      end: null, // the token after it
      split: (text) => Array.from(text.replaceAll("\0", " "),
        (character) => (character === "\n" ? NEW_LINE : character)),
      join: (tokens) => tokens.map((token) => (token === NEW_LINE ? "\n" : token)).join(""),
    };
  }
  const words = tokenization === "words";
  return {
    start: END,
    end: END,
    split: (text) => (words
      ? tokenize(text).filter((token) => token !== UNKNOWN)
      : text.replaceAll("\0", " ").split(SPACES).filter(Boolean)),
    join: (tokens) => {
      const lines = tokens.map((token) => (token === END ? "\n" : token));
      return (words ? joinWords(lines) : lines.join(" ")).replace(/ ?\n ?/g, "\n");
    },
  };
}
