// Splits stories into sentences, as apps/question_answering/data.py does.

const STOP = ".!?。！？";
const BLANK = "\\s\\p{Z}\\p{Cc}\\p{Cf}\\p{Co}";
// A match begins where a run of blanks begins: else each blank of a long run begins a
// search through the rest of it.
const END = new RegExp(`(?<![${BLANK}])[${BLANK}]*[${STOP}\\r\\n][${STOP}${BLANK}]*`, "gu");
const OUTER = new RegExp(`(?<![${BLANK}])(?:^[${BLANK}]+|[${BLANK}]+$)`, "gu");

/** Returns the sentences of a story; one without text has one empty sentence. */
export const storySentences = (story) =>
  story.replace(END, "\n").replace(OUTER, "").split("\n");
