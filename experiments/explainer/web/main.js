// Starts the page: every view is a function that draws itself for a place.

import { startAnswer } from "./answer_view.js";
import { startComparison } from "./comparison_view.js";
import { Place } from "./place.js";
import { startSentence } from "./sentence_view.js";
import { startStations } from "./stations_view.js";
import { startTouch } from "./touch_view.js";
import { startUnit } from "./unit_view.js";
import { startZoom } from "./zoom_view.js";

const place = new Place(JSON.parse(document.getElementById("data").textContent));
place.views = [startSentence, startAnswer, startTouch, startUnit, startZoom,
  startComparison, startStations]
  .map((start) => start(place));
place.draw();
performance.mark("first drawing");
