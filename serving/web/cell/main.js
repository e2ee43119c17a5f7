// Starts the page: every view is a function that draws itself for a place.

import { startAnswer } from "./answer_view.js";
import { startComparison } from "./comparison_view.js";
import { Place } from "./place.js";
import { startSentence } from "./sentence_view.js";
import { startStations } from "./stations_view.js";
import { startTouch } from "./touch_view.js";
import { startUnit } from "./unit_view.js";
import { startZoom } from "./zoom_view.js";

/**
 * Puts the drawing of the unit into its place. Its rules become a style sheet of the root,
 * since a Content-Security-Policy may forbid style elements.
 */
function putUnit(root, drawing) {
  const [before, rules, after] = drawing.split(/<\/?style>/);
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(rules);
  root.adoptedStyleSheets.push(sheet);
  root.getElementById("unit").innerHTML = before + after;
}

/**
 * Starts the page.
 * @param root The document, or a shadow root, with the elements of cell.html.
 * @param data What `Place` takes, and `unit`, the content of unit.svg.
 */
export function start(root, { unit, ...data }) {
  putUnit(root, unit);
  const place = new Place(data, root);
  place.views = [startSentence, startAnswer, startTouch, startUnit, startZoom,
    startComparison, startStations]
    .map((startView) => startView(place));
  place.draw();
  performance.mark("first drawing");
}
