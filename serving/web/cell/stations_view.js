// The tour: buttons of the stations, and the card of the one that is open.

import { el, rich } from "../dom.js";
import { STATIONS } from "./stations.js";
import { Touch } from "./touch.js";

const still = matchMedia("(prefers-reduced-motion: reduce)");

export function startStations(place) {
  const { $ } = place;
  const card = $("card");
  const stations = STATIONS.filter(({ app }) => app in place.data);
  const buttons = stations.map((station) => el("button", { type: "button",
    class: "example small", click: () => open(station) },
  `${station.number}. ${station.title}`));
  $("stations").append(...buttons);

  function close() {
    card.hidden = true;
    const [button] = buttons.filter((each) => each.hasAttribute("aria-current"));
    button.removeAttribute("aria-current");
    button.focus();
  }

  function open(station) {
    const start = { app: station.app, text: place.sentences[station.app][0],
      touch: new Touch(), unit: null, level: "sentence", t: Infinity };
    place.go(start);
    place.go(station.go(place));
    const at = stations.indexOf(station), next = stations[at + 1];
    const title = el("h3", { tabindex: -1 }, `${station.number}. ${station.title}`);
    card.replaceChildren(title,
      ...station.text(place).map((text) => el("p", {}, ...rich(text))),
      el("details", {}, el("summary", {}, station.question(place)),
        el("p", {}, ...rich(station.answer(place)))),
      el("div", { class: "row" },
        next ? el("button", { type: "button", class: "small", click: () => open(next) },
          `Next: ${next.title}`) : "",
        el("button", { type: "button", class: "example small",
          click: close }, "Close")));
    card.hidden = false;
    buttons.forEach((button, n) => {
      if (n === at) button.setAttribute("aria-current", "step");
      else button.removeAttribute("aria-current");
    });
    title.focus({ preventScroll: true });
    $(station.see).scrollIntoView({ block: "start",
      behavior: still.matches ? "auto" : "smooth" });
  }
  card.addEventListener("keydown", (event) => {
    if (event.key === "Escape") close();
  });
  return () => {}; // no other part of the page changes the tour
}
