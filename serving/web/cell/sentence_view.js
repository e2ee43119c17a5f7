// The sentence: its model and its text, its words as buttons, and playing them.

import { el } from "../dom.js";
import { shorten } from "./format.js";
import { isKnown } from "./models.js";

const PLAY_MS = 900; // a word
const TYPING_MS = 120; // after the last key

export function startSentence(place) {
  const { $ } = place;
  const tokens = $("tokens"), play = $("play"), text = $("text"), app = $("app");
  let timer = null, typing = null, shown = null;
  for (const each of Array.from(app.options)) {
    if (!(each.value in place.data)) each.remove();
  }

  const last = () => place.reading.tokens.length - 1;
  function stop() {
    clearInterval(timer);
    timer = null;
    play.textContent = "Play";
    play.setAttribute("aria-pressed", "false");
    $("live").setAttribute("aria-live", "polite");
  }
  function start() {
    if (place.t === last()) place.go({ t: 0 });
    play.textContent = "Pause";
    play.setAttribute("aria-pressed", "true");
    $("live").setAttribute("aria-live", "off"); // a word a second is too much to hear
    timer = setInterval(() => {
      if (place.t < last()) place.go({ t: place.t + 1 });
      if (place.t >= last()) stop();
    }, PLAY_MS);
  }
  const step = (to) => { stop(); place.go({ t: to }); };

  play.addEventListener("click", () => (timer ? stop() : start()));
  $("back").addEventListener("click", () => step(place.t - 1));
  $("next").addEventListener("click", () => step(place.t + 1));
  app.addEventListener("change", () => {
    stop();
    place.go({ app: app.value, text: place.sentences[app.value][0] });
  });
  text.addEventListener("input", () => {
    stop();
    clearTimeout(typing);
    typing = setTimeout(() => place.go({ text: text.value }), TYPING_MS);
  });
  tokens.addEventListener("keydown", (event) => {
    const to = { ArrowRight: place.t + 1, ArrowLeft: place.t - 1, Home: 0, End: last() }[
      event.key];
    if (to === undefined) return;
    event.preventDefault();
    step(to);
    tokens.children[place.t].focus();
  });

  /** Makes the buttons of the words and of the example sentences. */
  function make() {
    tokens.replaceChildren(...place.reading.tokens.map((token, t) =>
      el("button", { type: "button", class: isKnown(token) ? "token-button" :
        "token-button rare", click: () => step(t) },
        place.reading.label(t),
        isKnown(token) ? "" : el("span", { class: "unseen" }, " (a rare word)"))));
    $("examples").replaceChildren(...place.sentences[place.app].map((sentence, n) =>
      el("button", { type: "button", class: "example small", title: sentence,
        "aria-label": `Example ${n + 1}: ${sentence}`,
        click: () => { stop(); text.value = sentence; place.go({ text: sentence }); } },
        shorten(sentence, 24))));
  }

  return () => {
    const { reading, t } = place;
    if (shown !== reading.tokens) make();
    shown = reading.tokens;
    if (place.root.activeElement !== text) text.value = place.text;
    app.value = place.app;
    Array.from(tokens.children).forEach((button, n) => {
      button.tabIndex = n === t ? 0 : -1;
      button.classList.toggle("out", reading.touch.isOut(n));
      if (n === t) button.setAttribute("aria-current", "step");
      else button.removeAttribute("aria-current");
    });
    $("back").disabled = t === 0;
    $("next").disabled = t === last();
    const rare = reading.tokens.some((token) => !isKnown(token));
    $("where").textContent = `Word ${t + 1} of ${last() + 1}.` +
      (rare ? " Dotted words are rare: the network reads all of them as one." : "") +
      (last() + 1 === place.model.longest ? " Later words are not read." : "");
    $("live").textContent = `${reading.label(t)}, word ${t + 1} of ${last() + 1}. ` +
      ["forget gate f", "input gate i", "output gate o"].map((title) =>
        `${title.slice(0, -2)} ${place.value(title.at(-1)).toFixed(2)}`).join(", ") +
      `, ${place.whose}.`;
  };
}
