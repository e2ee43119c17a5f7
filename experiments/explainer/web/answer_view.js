// The answer of the touched network beside that of the untouched one.

import { bar, el, percent } from "../../../serving/web/dom.js";
import { named } from "./models.js";

const SHOWN = 5; // most probable words
const $ = (id) => document.getElementById(id);

/** Returns the places of the largest shares. */
const best = ({ shares }) => Array.from(shares.keys())
  .sort((a, b) => shares[b] - shares[a] || a - b).slice(0, SHOWN);

function list(title, answer, places) {
  return el("div", {},
    el("h3", {}, title),
    el("ol", { class: "bars" }, ...places.map((place, n) =>
      bar(named(answer.names[place]), answer.shares[place], n === 0))));
}

export function startAnswer(place) {
  return () => {
    const { touch } = place.reading;
    const touched = place.reading.touched.answer, untouched = place.reading.untouched.answer;
    const title = place.app === "sentiment" ? "The film is" : "The next word is";
    const lists = touch.isEmpty
      ? [list(title, untouched, best(untouched))]
      : [list("Touched", touched, best(touched)),
        list("Untouched", untouched, best(untouched))];
    $("answer").replaceChildren(el("div", { class: "answers" }, ...lists));
    const say = (answer) => {
      const [first] = best(answer);
      return `${named(answer.names[first])}, ${percent(answer.shares[first])}`;
    };
    $("answer-live").textContent = touch.isEmpty ? `${title} ${say(untouched)}.`
      : `Touched: ${say(touched)}. Untouched: ${say(untouched)}.`;
  };
}
