// Splits texts into tokens by version 2 of the rules in docs/tokens.md.

export const PADDING_ID = 0, UNKNOWN_ID = 1;
export const UNKNOWN = "<unk>";
export const TOKEN_RULES = 2; // the version of the rules that this file follows

const SCRIPTS = ["Han", "Hiragana", "Katakana", "Bopomofo", "Yi", "Thai", "Lao", "Khmer",
  "Myanmar", "Tai_Le", "New_Tai_Lue", "Tai_Tham", "Tai_Viet", "Javanese", "Balinese"];
const SCRIPT = `[${SCRIPTS.map((name) => `\\p{Script=${name}}`).join("")}〆ー]`;
/** Pattern of a character of a script without blanks, with its marks. */
export const CHARACTER = `${SCRIPT}\\p{M}*`;
const LETTER = "[\\p{L}\\p{M}\\p{N}]";
const WORD = `(?!${SCRIPT})${LETTER}`; // a character of a word

const INVISIBLE = /[\p{Cf}\p{Variation_Selector}\u034f]/u;
const MARK = /\p{M}/u;
// Characters that may compose with the character before them: marks, and Korean vowels
// and final consonants.
const JOINS = /[\p{M}\u1161-\u1175\u11a8-\u11c2]/u;
const LINE_BREAK = /<br[\t\n\f\r ]*\/?>/g;
const BLANK = /[\s\p{Z}\p{Cc}\p{Co}]/gu;
// In this order: blanks, a character of a script without blanks, a word, a contraction,
// dots and dashes, any other character.
const TOKEN = new RegExp(
  ` +|(?=${LETTER})${CHARACTER}|((?:${WORD})+)|'(?:s|re|ve|ll|d|m)(?!${WORD})|` +
  "\\.\\.\\.|--|.", "suy");
const NOT = new RegExp(`'t(?!${WORD})`, "uy"); // what follows a word that ends with n

/** Returns the decomposed lower case of a character; "" if it is invisible. */
function piece(character) {
  if (INVISIBLE.test(character)) return "";
  let pieces = character.normalize("NFKD");
  if ((pieces[0] === " " && pieces.length > 1) || pieces.includes("\u2044")) {
    pieces = character.normalize("NFD");
  }
  // The lower case of a capital sigma depends on its place in the word.
  return Array.from(pieces, (c) => (c === "Σ" ? c : c.toLowerCase())).join("");
}

/** Returns whether a decomposed character has a combining class other than 0. */
function isCombining(character) {
  // U+0315 has the class 232, and U+0334 has 1: characters of other classes move.
  return MARK.test(character) &&
    (`\u0315${character}`.normalize("NFD") !== `\u0315${character}` ||
      `${character}\u0334`.normalize("NFD") !== `${character}\u0334`);
}

const MANY_MARKS = 30; // more in a row than any language has

/**
 * Returns the composed form (NFC) of a decomposed text.
 * `normalize` takes quadratic time to sort a long run of marks, which is sorted here.
 */
function composed(text) {
  return (text.length > MANY_MARKS ? ordered(text) : text).normalize("NFC");
}

/** Sorts the marks between two characters of class 0 by their combining class. */
function ordered(text) {
  const characters = Array.from(text);
  const marks = [...new Set(characters)].filter(isCombining);
  const isBefore = (a, b) => (b + a).normalize("NFD") !== b + a;
  marks.sort((a, b) => (isBefore(a, b) ? -1 : Number(isBefore(b, a))));
  const classes = new Map(); // numbers in the order of the classes, equal for equal ones
  marks.forEach((mark, n) => classes.set(mark,
    n && !isBefore(marks[n - 1], mark) ? classes.get(marks[n - 1]) : n + 1));
  let run = 0;
  const keys = characters.map((character) => {
    if (!classes.has(character)) run += 1;
    return run * (marks.length + 1) + (classes.get(character) ?? 0);
  });
  return Array.from(keys.keys()).sort((a, b) => keys[a] - keys[b])
    .map((n) => characters[n]).join("");
}

/** Returns whether a character of class 0 composes with the text before it. */
const composes = (before, character) =>
  composed(before + character) !== composed(before) + character;

/**
 * Normalizes a text: compatible forms, one case, one composition, nothing invisible.
 * @returns `text`; and for each of its UTF-16 units the `starts` and `ends` of the
 *     character in the given text, in Unicode characters.
 */
export function normalized(given) {
  const texts = [], starts = [], ends = [];
  let cluster = "", start = 0, end = 0;
  const close = () => {
    const text = composed(cluster);
    texts.push(text);
    for (let n = 0; n < text.length; n++) {
      starts.push(start);
      ends.push(end);
    }
    cluster = "";
  };
  let place = 0;
  for (const character of given) {
    const own = character < "\u0080" ? character.toLowerCase() : piece(character);
    for (const one of own) {
      if (cluster && !isCombining(one) &&
          !(JOINS.test(one) && composes(cluster, one))) {
        close();
      }
      if (!cluster) start = place;
      cluster += one;
      end = place + 1;
    }
    place += 1;
  }
  if (cluster) close();
  return { text: texts.join("").toLowerCase(), starts, ends };
}

/** Replaces line breaks of HTML and blanks by spaces; the length stays. */
const spaced = (text) => [LINE_BREAK, BLANK].reduce((read, pattern) =>
  read.replace(pattern, (blanks) => " ".repeat(blanks.length)), text)
  .replace(/[‘’]/g, "'");

/**
 * Splits a text into tokens.
 * @returns Tokens, and their starts and ends in the text, in Unicode characters. A text
 *     without tokens has the token <unk>, which begins and ends at 0.
 */
export function locatedTokens(given) {
  const { text, starts, ends } = normalized(given);
  const read = spaced(text);
  const found = { tokens: [], starts: [], ends: [] };
  const add = (from, to) => {
    found.tokens.push(read.slice(from, to));
    found.starts.push(starts[from]);
    found.ends.push(ends[to - 1]);
  };
  for (let from = 0, to = 0; from < read.length; from = to) {
    TOKEN.lastIndex = from;
    const [match, word] = TOKEN.exec(read);
    to = from + match.length;
    if (match[0] === " ") continue;
    NOT.lastIndex = to;
    if (word?.endsWith("n") && NOT.test(read)) { // "isn't" is "is" and "n't"
      if (to - 1 > from) add(from, to - 1);
      from = to - 1;
      to += 2;
    }
    add(from, to);
  }
  return found.tokens.length ? found : { tokens: [UNKNOWN], starts: [0], ends: [0] };
}

/** Splits a text into tokens. */
export const tokenize = (text) => locatedTokens(text).tokens;
