// The tab "The cell": fetches the served models, and starts the page of the cell.

import { ApiError } from "../api.js";
import { el } from "../dom.js";
import { start } from "./main.js";

const FORMAT = 1; // of cell.json, the only one that this page reads
const STYLES = ["../style.css", "cell.css"];
const here = (file) => new URL(file, import.meta.url);

/** Returns the text of a file of the page. */
async function read(file) {
  const answer = await fetch(here(file)).catch(() => null);
  if (!answer?.ok) {
    throw new ApiError(`cell/${file} could not be loaded.`, "Reload the page.");
  }
  return answer.text();
}

/** Returns an app and the data of its model. */
async function model(app, api) {
  const data = await api.cell(app);
  if (data.format !== FORMAT || data.app !== app) {
    throw new ApiError(`${api.nameOf(app)}, cell.json: expected format ${FORMAT} of ` +
      `${app}. Received: format ${data.format} of ${data.app}.`,
      "Reload the page. If that does not help, export the model again.");
  }
  return [app, data];
}

/** Returns a style sheet, and a promise that it is loaded. */
function style(file) {
  const sheet = el("link", { rel: "stylesheet", href: here(file).href });
  return [sheet, new Promise((loaded, failed) => {
    sheet.addEventListener("load", loaded);
    sheet.addEventListener("error", () =>
      failed(new ApiError(`${file} could not be loaded.`, "Reload the page.")));
  })];
}

/**
 * Shows the page of the cell. It is in a shadow root, so that its ids and its style are
 * apart from those of the other tabs.
 * @param place Element for the page.
 * @param api Api or LocalApi, whose `cells` names the models.
 */
export async function show(place, api) {
  const host = el("div");
  const root = host.attachShadow({ mode: "open" });
  const styles = STYLES.map(style);
  const content = el("div", { class: "cell" });
  root.append(...styles.map(([sheet]) => sheet), content);
  host.hidden = true;
  place.replaceChildren(host);
  const [html, unit, examples, models] = await Promise.all([
    read("cell.html"), read("unit.svg"), read("examples.json"),
    Promise.all(Object.keys(api.cells).map((app) => model(app, api))),
    ...styles.map(([, loaded]) => loaded),
  ]);
  if (!host.isConnected) return; // another server was chosen meanwhile
  content.innerHTML = html;
  host.hidden = false;
  start(root, { unit, ...JSON.parse(examples), models: Object.fromEntries(models) });
}
