// The answer of the touched network beside that of the untouched one.

import { bar, el } from "../dom.js";
import { named } from "./models.js";

const SHOWN = 5; // most probable words

/** Returns a share in per cent: with more decimals where it is small. */
export function percent(share) {
  const decimals = share >= 0.1 || share === 0 ? 0 : share >= 0.001 ? 1 : 3;
  return `${(100 * share).toFixed(decimals)}\u00A0%`;
}

/** Returns the places of the largest shares. */
const best = ({ shares }) => Array.from(shares.keys())
  .sort((a, b) => shares[b] - shares[a] || a - b).slice(0, SHOWN);

/** Returns the share of the watched word in both answers, untouched and touched. */
export const shareOf = ({ reading, watched }) => [reading.untouched, reading.touched]
  .map(({ answer: { names, shares } }) => shares[names.indexOf(watched)] ?? NaN);

/** Returns an answer as bars, to scale: the bar of `largest` is whole. */
export function list(title, answer, largest) {
  return el("div", {},
    el("h3", {}, title),
    el("ol", { class: "bars" }, ...best(answer).map((place, n) => {
      const share = answer.shares[place];
      const item = bar(named(answer.names[place]), share / largest, n === 0);
      item.querySelector(".number").textContent = percent(share);
      return item;
    })));
}

export function startAnswer(place) {
  const { $ } = place;
  const input = el("input", { type: "text", id: "watched", autocomplete: "off",
    spellcheck: "false",
    input: () => place.go({ watched: input.value.trim().toLowerCase() }) });
  const share = el("span", { class: "state" });
  const watch = el("p", { class: "choices watch" },
    el("label", {}, "Watch the word", input), share);
  const lists = el("div", { class: "answers" });
  $("answer").append(lists, watch);
  input.value = place.watched;

  return () => {
    const { touch, touched, untouched } = place.reading;
    const isFilm = place.app === "sentiment";
    const title = isFilm ? "The text is" : "The next word is";
    const largest = isFilm ? 1
      : Math.max(...touched.answer.shares, ...untouched.answer.shares);
    lists.replaceChildren(...(touch.isEmpty ? [list(title, untouched.answer, largest)]
      : [list("Touched", touched.answer, largest),
        list("Untouched", untouched.answer, largest)]));
    watch.hidden = isFilm;
    const [before, now] = shareOf(place);
    share.textContent = Number.isNaN(before) ? "The network does not know this word."
      : touch.isEmpty ? percent(before) : `${percent(now)}, untouched ${percent(before)}`;
    const say = (answer) => {
      const [first] = best(answer);
      return `${named(answer.names[first])}, ${percent(answer.shares[first])}`;
    };
    $("answer-live").textContent = touch.isEmpty ? `${title} ${say(untouched.answer)}.`
      : `Touched: ${say(touched.answer)}. Untouched: ${say(untouched.answer)}.`;
  };
}
