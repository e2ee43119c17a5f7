// Samples the next token, as apps/language_modeling/sampling.py does.

import { ApiError } from "../api.js";
import { uniform } from "./philox.js";
import { PADDING_ID, UNKNOWN_ID } from "./tokens.js";

export const MASKED = -1e9;
const SMALLEST = 1e-7; // of the random numbers, whose logarithm is taken twice
const BOUNDS = { // of the settings: the lowest and the highest number, and their names
  temperature: [0, Number.MAX_VALUE, "0 or more"],
  top_k: [0, 2 ** 31 - 1, `0 or more, at most ${2 ** 31 - 1}`],
  top_p: [0, 1, "0 or more, at most 1"],
  repetition_penalty: [2 ** -126, Number.MAX_VALUE, "above 0"],
};

/** Returns the place of the largest number, the first of several. */
export function largest(numbers) {
  let best = 0;
  for (let n = 1; n < numbers.length; n++) if (numbers[n] > numbers[best]) best = n;
  return best;
}

/**
 * Samples the next token of a text.
 * @param logits Float32Array, one for each token id.
 * @param seen Ids of the text so far.
 * @param settings `temperature`, `top_k`, `top_p`, `repetition_penalty` and `seed`, the
 *     two integers of `stateless_uniform`.
 * @returns The id; never padding or the unknown token.
 * @throws ApiError if a setting is out of its bounds.
 */
export function choose(logits, seen, settings) {
  for (const [name, [lowest, highest, words]] of Object.entries(BOUNDS)) {
    if (settings[name] >= lowest && settings[name] <= highest) continue;
    throw new ApiError(`${name}: expected a number, ${words}.`, "Change it.");
  }
  const allowed = penalized(logits, seen, Math.fround(settings.repetition_penalty));
  const temperature = Math.fround(settings.temperature);
  if (!(temperature > 0)) return largest(allowed);
  const divisor = Math.max(temperature, Math.fround(1e-6));
  const scaled = allowed.map((value) => value / divisor);
  const top = scaled[largest(scaled)];
  for (let n = 0; n < scaled.length; n++) scaled[n] -= top;
  const lowest = threshold(scaled, settings.top_k, Math.fround(settings.top_p));
  const random = uniform(scaled.length, settings.seed, SMALLEST);
  // The Gumbel-max trick: the largest sum is a sample of the softmax.
  return largest(scaled.map((value, n) => (value >= lowest ? value : Math.fround(MASKED)) -
    Math.fround(Math.log(-Math.fround(Math.log(random[n]))))));
}

/** Lowers the logits of tokens that occurred; masks padding and the unknown token. */
function penalized(logits, seen, penalty) {
  const result = Float32Array.from(logits);
  for (const id of new Set(seen)) {
    result[id] = logits[id] > 0 ? logits[id] / penalty : logits[id] * penalty;
  }
  result[PADDING_ID] = result[UNKNOWN_ID] = MASKED;
  return result;
}

/** Returns the lowest of the logits that top-k and top-p keep, at least one. */
function threshold(scaled, topK, topP) {
  const ranked = scaled.toSorted?.() ?? scaled.slice().sort();
  ranked.reverse();
  const powers = ranked.map((value) => Math.exp(value));
  let sum = 0;
  for (const power of powers) sum += power;
  let kept = 0, before = 0;
  while (kept < powers.length && before < topP) before += powers[kept++] / sum;
  if (topK > 0) kept = Math.min(kept, topK);
  return ranked[Math.max(1, kept) - 1];
}
