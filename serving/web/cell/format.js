// Numbers and SVG elements for the views.

const SVG = "http://www.w3.org/2000/svg";

/** Returns a number with two decimals and a true minus sign. */
export function number(value) {
  if (Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  return value.toFixed(2).replace("-0.00", "0.00").replace("-", "−");
}

/** Returns a number for a sum or a product: in brackets if it is negative. */
export const bracketed = (value) =>
  (number(value).startsWith("−") ? `(${number(value)})` : number(value));

/** Returns an SVG element; attributes that are functions become event listeners. */
export function draw(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (name.startsWith("--")) element.style.setProperty(name, value);
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/** Cuts a word that is too long for a label. */
export const shorten = (word, longest = 14) =>
  (word.length > longest ? `${word.slice(0, longest - 1)}…` : word);
