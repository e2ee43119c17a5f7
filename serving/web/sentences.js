// Splits stories into sentences, as apps/question_answering/data.py does.

const STOP = ".!?。！？";
const BLANK = "\\s\\p{Z}\\p{Cc}\\p{Cf}\\p{Co}";
const END = new RegExp(`[${BLANK}]*[${STOP}\\r\\n][${STOP}${BLANK}]*`, "gu");
const OUTER = new RegExp(`^[${BLANK}]+|[${BLANK}]+$`, "gu");

/** Returns the sentences of a story; one without text has one empty sentence. */
export const storySentences = (story) =>
  story.replace(END, "\n").replace(OUTER, "").split("\n");
