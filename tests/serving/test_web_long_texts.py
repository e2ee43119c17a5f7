"""The page reads long texts in time that is proportional to their length."""

import numpy as np

from apps.common.portable.unicode import normalized
from tests.apps.common.portable.test_long_texts import SLOW
from tests.serving.node import needs_node, run_node

pytestmark = needs_node
LENGTH = 60_000  # characters, for which quadratic time is 5 to 100 seconds
MOST_S = 2.0  # of CPU time; linear time is below 0.4 seconds
MARKS = "\u0300\u0301\u0308\u0327\u0334\u0345\u3099\u05b0\u0e38\u0f71\u0f72\u09be"


def test_no_text_takes_quadratic_time_in_the_page(tmp_path):
    names = list(SLOW)
    texts = [
        before + repeated * (LENGTH // len(repeated)) + after
        for repeated, before, after in SLOW.values()
    ]
    texts += [texts[0][1:-1], texts[names.index("marks out of order")] + "\u09be"]
    slow = run_node(
        tmp_path,
        """async (load, [texts, most]) => {
        const { locatedTokens } = await load("local/tokens.js");
        const { languageOf } = await load("local/text.js");
        const { storySentences } = await load("sentences.js");
        globalThis.matchMedia = () => ({ addEventListener() {} }); // of a browser
        const { runs } = await load("sentiment.js");
        const words = languageOf("words"), spaces = languageOf("spaces");
        const functions = { locatedTokens, storySentences,
          runs: (text) => runs(text, 64),
          split: spaces.split,
          joinToken: (text) => words.join([text]),
          joinCharacters: (text) => words.join(Array.from(text)),
          joinSpaces: (text) => spaces.join(Array.from(text)) };
        const seconds = (call, text) => {
          const { user, system } = process.cpuUsage();
          call(text);
          const { user: later, system: own } = process.cpuUsage();
          return (later - user + own - system) / 1e6; };
        for (const [name, call] of Object.entries(functions)) {
          for (const [n, text] of texts.entries()) {
            // Once more, in case the computer was busy.
            if (seconds(call, text) > most && seconds(call, text) > most) {
              return `${name} of text ${n}`; } } }
        return null; }""",
        [texts, MOST_S],
    )
    assert slow is None


def test_many_marks_are_composed_as_python_composes_them(tmp_path):
    rng = np.random.default_rng(7)
    letters = [*MARKS] * 4 + [*"a\u1112\u1161\u11ab\u09c7 "]
    texts = ["".join(rng.choice(letters, rng.integers(20, 150))) for _ in range(2000)]
    answers = run_node(
        tmp_path,
        """async (load, texts) => {
        const { normalized } = await load("local/tokens.js");
        return texts.map((text) => normalized(text).text); }""",
        texts,
    )
    assert answers == [normalized(text) for text in texts]
