// Beam search for one sequence, as apps/summarization/decode.py does for a batch.

import { MASKED } from "./sampling.js";
import { PADDING_ID } from "./tokens.js";

const score = (logP, length, penalty) =>
  Math.fround(logP / Math.fround(Math.fround((5 + length) / 6) ** penalty));

/**
 * Searches for the sequence with the highest score.
 * @param step Takes the last token of each hypothesis, and the place of its parent among
 *     the hypotheses of the step before; returns their log-probabilities of the next
 *     token, a Float32Array each. It may change them.
 * @param token The token that precedes and that ends a sequence.
 * @param settings `beam`, `max_length`, `min_length`, `length_penalty` and
 *     `block_ngrams`, as in decode.py.
 * @returns `ids` without the end, and the `score`.
 */
export async function search(step, token, settings) {
  const { beam, max_length: most, length_penalty: penalty } = settings;
  let hypotheses = Array.from({ length: beam }, (_, n) => (
    // At first all are the same: only one may go on.
    { ids: [], last: token, parent: 0, logP: n ? MASKED : 0, length: 0, ended: false }));
  for (let t = 0; t < most && !isDone(hypotheses, most, penalty); t++) {
    const rows = await step(hypotheses.map((one) => one.last),
      hypotheses.map((one) => one.parent));
    rows.forEach((logP, n) => restrict(logP, hypotheses[n].ids, t, token, settings));
    hypotheses = best(hypotheses, rows, penalty).map(({ parent, id, logP }) => {
      const { ids, length, ended } = hypotheses[parent];
      return { parent, logP, last: id, ended: ended || id === token,
        length: length + Number(!ended),
        ids: ended || id === token ? ids : [...ids, id] };
    });
  }
  const scores = hypotheses.map(({ logP, length }) => score(logP, length, penalty));
  const first = scores.indexOf(Math.max(...scores));
  return { ids: hypotheses[first].ids, score: scores[first] };
}

/** Returns whether no unfinished hypothesis can exceed the best finished one. */
function isDone(hypotheses, most, penalty) {
  const highest = (ended, length) => Math.max(MASKED, ...hypotheses
    .filter((one) => one.ended === ended)
    .map((one) => score(one.logP, length ?? one.length, penalty)));
  return highest(true) >= highest(false, most);
}

/** Masks what may not follow: padding, an early end, and repeated n-grams. */
function restrict(logP, ids, t, token, { min_length: least, block_ngrams: n }) {
  logP[PADDING_ID] += MASKED;
  if (t < least) logP[token] += MASKED;
  if (n < 1) return;
  const recent = n > 1 ? ids.slice(1 - n) : [];
  if (recent.length < n - 1) return;
  for (let begin = 0; begin + n <= ids.length; begin++) {
    if (recent.every((id, place) => ids[begin + place] === id)) {
      logP[ids[begin + n - 1]] += MASKED;
    }
  }
}

/** Returns the best continuations, as many as hypotheses: parent, token and logP. */
function best(hypotheses, rows, penalty) {
  const kept = []; // in descending order; of equal ones the first comes first
  hypotheses.forEach((one, parent) => {
    const length = one.length + Number(!one.ended);
    const divisor = Math.fround(Math.fround((5 + length) / 6) ** penalty);
    const consider = (id, logP) => {
      const value = Math.fround(logP / divisor);
      if (kept.length === hypotheses.length && !(value > kept.at(-1).value)) return;
      let place = kept.length;
      while (place > 0 && value > kept[place - 1].value) place -= 1;
      kept.splice(place, 0, { value, parent, id, logP });
      kept.length = Math.min(kept.length, hypotheses.length);
    };
    // A finished hypothesis continues with padding, of log-probability 0.
    rows[parent].forEach((next, id) => consider(id, Math.fround(
      one.logP + (one.ended ? (id === PADDING_ID ? 0 : MASKED) : next))));
  });
  return kept;
}
