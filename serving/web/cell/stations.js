// Six stations: what each shows, where it goes, and a question with its answer.

import { percent, shareOf } from "./answer_view.js";
import { number } from "./format.js";
import { Touch } from "./touch.js";

const FAR_WORD = "france"; // of the tutorial's sentence
const APP = "language_modeling";

/** Returns the timestep of the word that the sentence ends up being about. */
const far = ({ reading }) =>
  Math.max(0, reading.tokens.findIndex(({ word }) => word === FAR_WORD));
const last = ({ reading }) => reading.tokens.length - 1;
const quoted = (place, t) => `“${place.reading.label(t)}”`;
const units = (place) => Array.from({ length: place.weights.units }, (_, unit) => unit);

/** Returns the product of a unit's forget gates after a word: the gradient's share. */
function factor(place, unit) {
  let share = 1;
  for (let t = far(place) + 1; t <= last(place); t++) share *= place.value("f", t, unit);
  return share;
}

const byFactor = (place) => units(place).sort((a, b) => factor(place, b) - factor(place, a));

/** Returns the unit that holds most and shows least of it at the last word. */
const hidden = (place) => units(place).reduce((a, b) => {
  const size = (unit) => Math.abs(place.value("c", last(place), unit)) *
    (1 - place.value("o", last(place), unit));
  return size(b) > size(a) ? b : a;
});

/** Returns the timestep at which the mean of a gate is highest. */
function peak(place, gate) {
  const values = place.reading.tokens.map((_, t) => place.value(gate, t, null));
  return values.indexOf(Math.max(...values));
}

/** Returns what each word still makes up of the last cell state, the largest first. */
function held(place) {
  const { times, held: map } = place.reading.trace(place.layer);
  return times.map((t, s) => [map.value(times.length - 1, s), t]).sort((a, b) => b[0] - a[0]);
}

/** Returns a share in writing; NaN is that of a word that the network does not know. */
const written = (share) => (Number.isNaN(share) ? "nothing, since it does not know the word"
  : percent(share));

/** Returns a sentence on what the far word leaves in both networks, if there are both. */
function compared(place) {
  if (!place.comparison) return [];
  const [lstm, simple] = [false, true].map((isSimple) =>
    percent(place.comparison.influence(place, isSimple)[far(place)]));
  return [`*Compare*, at the end of the page, has such a network. If ${quoted(place, far(place))} ` +
    `is left out, its state at ${quoted(place, last(place))} changes by ${simple}; the ` +
    `LSTM's cell state changes by ${lstm}.`];
}

/** Returns the share of the watched word, untouched and touched, in writing. */
const watched = (place) => shareOf(place).map(written);

/** Returns the share of the watched word if nothing is forgotten. */
function withoutForgetting({ model, reading, layer, watched: word }) {
  const { names, shares } = model.read(reading.tokens, new Touch([{ kind: "gate",
    gate: "f", open: true, layer, units: null, from: 0, to: Infinity }])).answer;
  return written(shares[names.indexOf(word)] ?? NaN);
}

/**
 * Each station: `title`; `go`, from a place that shows the sentence from its start to
 * changes of it; `see`, the id of what to look at; `text`, `question` and `answer`, from
 * the place to texts.
 */
export const STATIONS = [
  {
    title: "What is remembered",
    go: () => ({ level: "sentence" }),
    see: "zoom-title",
    text: (place) => [
      "The *cell state* is the green line that runs straight through the unit: the " +
      "memory. At each word a share of it is kept, and something is added.",
      `The ribbons show who wrote it. After ${quoted(place, last(place))} they are ` +
      `many: ${held(place).slice(0, 3).map(([share, t]) =>
        `${quoted(place, t)} ${Math.round(100 * share)} %`).join(", ")}.`],
    question: () => "Why do the ribbons of early words get thinner?",
    answer: () => "Each step keeps only the share f of what was there, and new words " +
      "are added. What is kept twenty times at 0.9 is an eighth.",
  },
  {
    title: "What forgets",
    go: () => ({ level: "layer", gate: "f" }),
    see: "zoom-title",
    text: () => ["The *forget gate* f is a number for each unit at each word: 1 keeps the " +
      "cell state, 0 forgets it. Each row here is a unit.",
    "The rows on top are bright at every word: these units keep. The rows at the bottom " +
      "go dark again and again: they hold a word or two, and let go."],
    question: () => "What does the network know if all forget gates are shut all the time?",
    answer: () => "Of the cell state only the last word. Try it: under *Touch it* hold the " +
      "forget gate, shut, for all units, at all words, and see its answer.",
  },
  {
    title: "Why gradients live",
    go: (place) => ({ level: "unit", unit: byFactor(place)[0],
      isComparing: Boolean(place.comparison) }),
    see: "unit-title",
    text: (place) => [
      "Training sends a gradient back from the answer to early words. Along the cell " +
      "state one step back multiplies it by the *forget gate*, and by nothing else.",
      `In unit ${byFactor(place)[0]} the forget gates after ${quoted(place, far(place))} ` +
      `multiply to ${number(factor(place, byFactor(place)[0]))}: that share of the gradient ` +
      "arrives there. In a simple recurrent network each step multiplies by a matrix and " +
      "by the slope of tanh, and little arrives from far. (What passes through the gates " +
      "comes on top.)", ...compared(place)],
    question: () => "Does it arrive in all units?",
    answer: (place) => `No. In half of them less than ` +
      `${number(factor(place, byFactor(place)[Math.floor(place.weights.units / 2)]))} is ` +
      "left. A few units that keep are enough.",
  },
  {
    title: "What each gate did",
    go: (place) => ({ level: "sentence", t: peak(place, "i") }),
    see: "zoom-title",
    text: (place) => [
      `In this sentence the *input gate* i is widest at ${quoted(place, peak(place, "i"))}: ` +
      "there most of the candidate is written. The *forget gate* keeps most at " +
      `${quoted(place, peak(place, "f"))}. The *output gate* o shows most at ` +
      `${quoted(place, peak(place, "o"))}.`,
      "Play the sentence and watch the lines in the drawing: thick ones carry much."],
    question: () => "Why have an output gate, if the cell state is there?",
    answer: (place) => "A unit may hold something for later and keep quiet. Unit " +
      `${hidden(place)} at the end: C is ${number(place.value("c", last(place),
        hidden(place)))}, and o is ${number(place.value("o", last(place), hidden(place)))}.`,
  },
  {
    title: "Where it goes wrong",
    go: (place) => ({ touch: new Touch([{ kind: "out", t: far(place) }]) }),
    see: "answer-title",
    text: (place) => [
      `A person goes on with “${place.watched}”. This network gives it ` +
      `${watched(place)[0]}. Without ${quoted(place, far(place))}, ` +
      `which is left out now, it gives ${watched(place)[1]}.`,
      "The difference is what has arrived of the far word. It is small."],
    question: () => "Is it the memory that fails, or the knowledge?",
    answer: (place) => "If all forget gates are held open at all words, nothing is " +
      `forgotten. Then it gives “${place.watched}” ${withoutForgetting(place)}. Where that ` +
      "is no better, memory is not what it lacks: it has read too little. A larger one, " +
      "trained longer, has the same cell.",
  },
  {
    title: "Try your own",
    app: "sentiment",
    go: () => ({ text: "It is not good.", level: "sentence", t: 2 }),
    see: "sentence-title",
    text: ({ model }) => [
      `This network judges texts with ${Object.keys(model.layers).length} LSTMs; those named ` +
      "backward read from the end. If there are several, choose one above the drawing.",
      "Leave “not” out, and watch the answer. Then write a sentence that fools it."],
    question: () => "What should you now be able to say?",
    answer: () => "What f, i and o each do; what C holds and h shows; what happens to an " +
      "early word; and which of the six equations an answer depends on.",
  },
].map((station, n) => ({ app: APP, ...station, number: n + 1 }));
