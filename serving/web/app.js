// The page: its tabs, the server's address and the list of served models.

import { Api, ApiError } from "./api.js";
import { el, problem } from "./dom.js";
import { start as answer } from "./answer.js";
import { start as sentiment } from "./sentiment.js";
import { start as speech } from "./speech.js";
import { start as summarize } from "./summarize.js";
import { start as write } from "./write.js";

const APPS = {
  language_modeling: write, sentiment, speech_commands: speech,
  summarization: summarize, question_answering: answer,
};
const NAMES = Object.keys(APPS);
const CELL = "cell"; // the tab in which language model and sentiment model compute
const TABS = [...NAMES, CELL];

const $ = (id) => document.getElementById(id);
const notice = $("notice"), settings = $("settings");
const query = new URLSearchParams(location.search);
const address = query.get("server") ?? "";
// ?sentiment=my-reviews: the tab Sentiment asks the model my-reviews.
const names = Object.fromEntries(NAMES.map((app) => [app, query.get(app)]));
// `python -m serving.static` writes a page that computes without a server.
const local = document.querySelector("meta[name=models][content=local]") !== null;
const api = local
  ? new (await import("./local/api.js")).LocalApi(names)
  : new Api(isAddress(address) ? address : "", names);
const parts = Object.fromEntries(NAMES.map((name) =>
  [name, APPS[name]($(`panel-${name}`), api) ?? {}]));
parts[CELL] = { served: showCell };
const prepared = new Set(); // tabs whose `served` has run
let served = null; // names of the served models, once they are known
let requests = 0; // number of the newest request; older answers are ignored

function isAddress(text) {
  try {
    return /^https?:$/.test(new URL(text).protocol);
  } catch {
    return text === "";
  }
}

function selected() {
  const name = location.hash.slice(1);
  return TABS.includes(name) ? name : NAMES[0];
}

function show() {
  const chosen = selected();
  for (const name of TABS) {
    const tab = $(`tab-${name}`);
    tab.setAttribute("aria-selected", String(name === chosen));
    tab.tabIndex = name === chosen ? 0 : -1;
    $(`panel-${name}`).hidden = name !== chosen;
    if (name !== chosen) parts[name].left?.();
  }
  $(`tab-${CELL}`).hidden = chosen !== CELL && !served?.has(CELL);
  prepare(chosen);
}

/** Loads the model of a tab, and calls its `served`, when the tab is first shown. */
async function prepare(name) {
  if (prepared.has(name) || !served?.has(name)) return;
  prepared.add(name);
  const place = $(`panel-${name}`).querySelector(".absent");
  try {
    if (api.load && name !== CELL) {
      place.replaceChildren(el("p", { class: "state" }, api.loading(name)));
      await api.load(name);
      place.replaceChildren();
    }
    await parts[name].served?.();
  } catch (error) {
    prepared.delete(name);
    place.replaceChildren(problem(error));
  }
}

/** Shows the page of the cell, whose code and models are loaded now. */
async function showCell() {
  const panel = $(`panel-${CELL}`), state = panel.querySelector(".absent");
  const bytes = Object.values(api.cells).reduce((sum, each) => sum + each, 0);
  state.replaceChildren(el("p", { class: "state" },
    `Loading the models, ${(bytes / 1e6).toFixed(1)} MB …`));
  const { show: showPage } = await import("./cell/tab.js");
  await showPage(panel.querySelector(".result"), api);
  state.replaceChildren();
}

/** Asks which models are served; the tabs of the others show how to get them. */
async function look() {
  const number = (requests += 1);
  const name = api.label;
  $("server-name").textContent = name;
  prepared.clear();
  $(`panel-${CELL}`).querySelector(".result").replaceChildren();
  try {
    const models = await api.served(NAMES);
    if (number !== requests) return;
    served = models;
    if (Object.keys(api.cells).length > 0) served.add(CELL);
    notice.replaceChildren();
    $("server-name").textContent =
      `${name}, ${NAMES.filter((model) => models.has(model)).length} of 5 models`;
  } catch (error) {
    if (number !== requests) return;
    served = null;
    notice.replaceChildren(problem(error), again());
  }
  for (const model of TABS) {
    const absent = served !== null && !served.has(model);
    $(`tab-${model}`).classList.toggle("unserved", absent);
    $(`panel-${model}`).querySelector(".absent").replaceChildren(
      ...(absent ? [problem(model === CELL ? noCell() : api.absent(model)), again()] : []));
  }
  show();
}

const noCell = () => new ApiError("No model has the data for this tab.",
  "It needs a language model of words or a sentiment model that pools by the maximum: " +
  "`make run` trains and exports both, `make serve` serves them. If yours is one, it was " +
  "exported by an earlier version: delete `export` in its run directory and export again."
);
const again = () => el("button", { type: "button", click: look }, "Look again");

function setServer(event) {
  event.preventDefault();
  const field = event.target.elements.server;
  const state = settings.querySelector(".state");
  const text = field.value.trim();
  if (!isAddress(text)) {
    state.textContent = "An address begins with http:// or https://, such as " +
      "http://127.0.0.1:8501.";
    field.setAttribute("aria-invalid", "true");
    return;
  }
  field.removeAttribute("aria-invalid");
  state.textContent = "";
  const url = new URL(location.href);
  if (text) url.searchParams.set("server", text);
  else url.searchParams.delete("server");
  history.replaceState(null, "", url);
  api.use(text);
  look();
}

const tablist = document.querySelector("[role=tablist]");
tablist.addEventListener("click", ({ target }) => {
  const tab = target.closest("[role=tab]");
  if (tab) location.hash = tab.id.slice("tab-".length);
});
tablist.addEventListener("keydown", (event) => {
  const shown = TABS.filter((name) => !$(`tab-${name}`).hidden);
  const at = shown.indexOf(document.activeElement.id.slice("tab-".length));
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: shown.length - 1 }[
    event.key];
  if (to === undefined || at < 0) return;
  event.preventDefault();
  const name = shown[(to + shown.length) % shown.length];
  location.hash = name;
  $(`tab-${name}`).focus();
});
addEventListener("hashchange", show);
if (!local) {
  settings.querySelector("form").addEventListener("submit", setServer);
  $("server").value = address;
  if (!isAddress(address)) {
    settings.open = true;
    settings.querySelector(".state").textContent =
      `${address} is not an address: an address begins with http:// or https://.`;
  }
}
show();
look();
