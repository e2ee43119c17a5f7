// Shared by the tabs: elements, errors, jobs, and keyboard navigation over words.

/** Returns an element; attributes that are functions become event listeners. */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (name.startsWith("--")) element.style.setProperty(name, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/** Returns nodes for a text with `commands` and *terms*. */
export const rich = (text) => text.split(/(`[^`]+`|\*[^*]+\*)/).map((part, n) =>
  (n % 2 ? el(part[0] === "`" ? "code" : "b", {}, part.slice(1, -1)) : part));

export const percent = (share) =>
  Number.isFinite(share) ? `${Math.round(100 * share)}\u00A0%` : "not a number";

/** Replaces unpaired surrogates, which UTF-8 cannot encode, by U+FFFD. */
export const wellFormed = (text) => text.toWellFormed?.() ??
  text.replace(/[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g,
    "\uFFFD");

/** Returns an element that shows an error and its advice. */
export function problem(error) {
  const known = error.advice !== undefined;
  if (!known) console.error(error);
  return el("div", { class: "problem", role: "alert" },
    el("p", {}, el("strong", {}, known ? error.message : "This page has a fault.")),
    el("p", {},
      ...rich(known ? error.advice : `${error}. Reload the page and try again.`)));
}

/** Runs one job at a time: a new job aborts the running one. */
export class Jobs {
  /**
   * @param place Element that shows errors.
   * @param onBusy Called with whether a job is running.
   */
  constructor(place, onBusy = () => {}) {
    this.place = place;
    this.onBusy = onBusy;
    this.controller = null;
  }

  /** Runs `job(signal)`; shows its error unless the job was aborted. */
  async run(job) {
    this.stop();
    const controller = new AbortController();
    this.controller = controller;
    this.place.setAttribute("aria-busy", "true");
    this.onBusy(true);
    try {
      await job(controller.signal);
    } catch (error) {
      if (!controller.signal.aborted) this.place.replaceChildren(problem(error));
    } finally {
      if (this.controller === controller) {
        this.controller = null;
        this.place.removeAttribute("aria-busy");
        this.onBusy(false);
      }
    }
  }

  get busy() {
    return this.controller !== null;
  }

  stop() {
    this.controller?.abort();
  }
}

/**
 * Lets arrow keys move the focus over spans, which are one stop of the Tab key.
 * @param spans Elements in their order.
 * @param onSelect Called with the number of the span that is focused or pointed at.
 */
export function walkable(spans, onSelect) {
  spans.forEach((span, n) => {
    span.tabIndex = n ? -1 : 0;
    span.addEventListener("focus", () => {
      for (const other of spans) other.tabIndex = other === span ? 0 : -1;
      onSelect(n);
    });
    span.addEventListener("pointerenter", () => onSelect(n));
    span.addEventListener("keydown", (event) => {
      const last = spans.length - 1;
      const to = { ArrowRight: n + 1, ArrowDown: n + 1, ArrowLeft: n - 1,
        ArrowUp: n - 1, Home: 0, End: last }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      spans[Math.max(0, Math.min(last, to))].focus();
    });
  });
}

/** Returns a list item with a name, a bar of a share from 0 to 1, and its number. */
export function bar(name, share, best = false) {
  return el("li", { class: best ? "bar best" : "bar" },
    el("span", { class: "name" }, name),
    el("span", { class: "track" },
      el("span", { class: "fill", "--share": Number.isFinite(share) ? share : 0 })),
    el("span", { class: "number" }, percent(share)));
}
