"""What the page computes without a server equals what Python computes."""

import unicodedata

import numpy as np
import pytest
import tensorflow as tf

from apps.common.data.text import encoded, join_words
from apps.common.portable import log_mel as portable
from apps.common.portable.sampling import SETTINGS, expectation
from apps.language_modeling.sampling import choose
from apps.language_modeling.text import join, tokens_of
from apps.question_answering.data import MAX_PARTS, story_sentences
from apps.speech_commands.features import LogMel, fit_clip
from apps.summarization.decode import search
from tests.apps.common.data.reference_tokens import golden, tokens
from tests.apps.common.data.test_tokens import PIECES, assigned
from tests.apps.common.portable.test_sampling import OUT_OF_BOUNDS
from tests.serving.node import LOCATED, needs_node, run_node

pytestmark = needs_node


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    """Runs a JavaScript function with a function that imports a file of the page."""
    directory = tmp_path_factory.mktemp("node")
    return lambda script, argument=None: run_node(directory, script, argument)


def as_lists(texts):
    return [[list(token) for token in tokens(text)] for text in texts]


def test_the_page_finds_the_tokens_of_the_golden_file(node):
    cases = golden()
    answers = node(LOCATED, [case["text"] for case in cases])
    for case, answer in zip(cases, answers, strict=True):
        assert answer == case["tokens"], case["about"]


def test_pieces_in_any_order_have_the_tokens_that_the_rules_say(node):
    rng = np.random.default_rng(5)
    pieces = np.array(PIECES, object)
    texts = ["".join(rng.choice(pieces, rng.integers(0, 12))) for _ in range(3000)]
    assert node(LOCATED, texts) == as_lists(texts)


@pytest.mark.slow
def test_every_character_has_the_tokens_that_the_rules_say(node):
    characters = (chr(n) for n in range(1, 0x110000) if not 0xD800 <= n < 0xE000)
    texts = [f"a{c}b" for c in characters if assigned(c)]
    for text, answer in zip(texts, node(LOCATED, texts), strict=True):
        assert answer == as_lists([text])[0], unicodedata.name(text[1], text)


TEXTS = [
    *(
        "it is n't ( yet ) done .",
        '" a b " c " d',
        "3 . 5 , 000 - x #1 [ 2 ] 茶 を 飲 む",
    ),
    *("a <eos> b <eos>", "", "he 's 1 , 234 , 56", "a -- b - c", "很 好 。 ok"),
]


def test_words_are_joined_as_python_joins_them(node):
    rows = [text.split() for text in TEXTS]
    expected = join_words(tf.ragged.constant(rows, "string", ragged_rank=1))
    answers = node(
        """async (load, rows) => {
        const { joinWords } = await load("local/text.js");
        return rows.map(joinWords); }""",
        rows,
    )
    assert answers == [text.decode() for text in expected.numpy()]


@pytest.mark.parametrize("tokenization", ["words", "spaces", "characters"])
def test_a_text_has_the_tokens_of_the_language_model(tokenization, node):
    texts = ["It isn't.\nNo\x0bone  ", "", "a\x00b\u00a0c", "Caf\u00e9 \U0001f600\n"]
    tokens = tokens_of(encoded(texts), tokenization)
    answers = node(
        """async (load, [tokenization, texts, rows]) => {
        const { languageOf } = await load("local/text.js");
        const { split, join } = languageOf(tokenization);
        return [texts.map(split), rows.map(join)]; }""",
        [tokenization, texts, rows := [row.split() for row in TEXTS]],
    )
    assert answers[0] == [[t.decode() for t in row] for row in tokens.to_list()]
    rows = tf.ragged.constant(rows, "string", ragged_rank=1)
    assert answers[1] == [t.decode() for t in join(rows, tokenization).numpy()]


def test_a_story_is_cut_into_the_sentences_of_the_model(node):
    rng = np.random.default_rng(7)
    pieces = [*".!?\n\r\u3002\uff01 ", "\u00ad", "\u3000", "a", "Mr", "\ufe0f", "\x0b"]
    stories = ["".join(rng.choice(pieces, rng.integers(0, 9))) for _ in range(1000)]
    rows = story_sentences(encoded(stories), MAX_PARTS).to_list()
    answers = node(
        """async (load, stories) => {
        const { storySentences } = await load("sentences.js");
        return stories.map(storySentences); }""",
        stories,
    )
    assert answers == [[part.decode() for part in row] for row in rows]


def test_the_same_seed_gives_the_same_random_numbers(node):
    seeds = [[1, 2], [-5, 7], [2**31 - 1, -(2**31)], [123456789, 0]]
    answers = node(
        """async (load, seeds) => {
        const { uniform } = await load("local/philox.js");
        return seeds.map((seed) => Array.from(uniform(37, seed, 1e-7))); }""",
        seeds,
    )
    for seed, answer in zip(seeds, answers, strict=True):
        expected = tf.random.stateless_uniform([37], seed, 1e-7, 1.0)
        assert expected.numpy().tolist() == answer  # every bit


def test_the_same_token_is_drawn(node):
    rng = np.random.default_rng(3)
    rows, size = 200, 300
    logits = rng.normal(size=(rows, size)) * rng.choice([1, 3, 8], (rows, 1))
    logits -= rng.choice([0, 30], (rows, 1))  # in half of the rows below 0
    seen = rng.integers(2, size, (rows, 12))
    counts = np.stack([np.bincount(row, minlength=size) for row in seen])
    columns = {
        "temperature": rng.choice([0, 0.3, 0.8, 1.2], rows).astype("float32"),
        "top_k": rng.choice([0, 1, 5, 40], rows).astype("int32"),
        "top_p": rng.choice([0.05, 0.5, 0.95, 1], rows).astype("float32"),
        "repetition_penalty": rng.choice([1, 1.1, 2], rows).astype("float32"),
        "seed": rng.integers(-(2**31), 2**31, (rows, 2)).astype("int32"),
    }
    logits, counts = logits.astype("float32"), counts.astype("float32")
    expected = choose(tf.constant(logits), counts, *map(tf.constant, columns.values()))
    cases = [
        [
            logits[n].tolist(),
            seen[n].tolist(),
            {k: v[n].tolist() for k, v in columns.items()},
        ]
        for n in range(rows)
    ]
    answers = node(
        """async (load, cases) => {
        const { choose } = await load("local/sampling.js");
        return cases.map(([logits, ...rest]) =>
          choose(Float32Array.from(logits), ...rest)); }""",
        cases,
    )
    assert answers == expected.numpy().tolist()


def test_settings_out_of_bounds_are_refused_as_by_the_server(node):
    usual = {name: setting.default for name, setting in SETTINGS.items()}
    wrong = [(name, str(value)) for name, value in OUT_OF_BOUNDS]
    answers = node(
        """async (load, [usual, wrong]) => {
        const { choose } = await load("local/sampling.js");
        const refused = (name, value) => {
          const number = Number(value.replace("inf", "Infinity"));
          try { return choose(new Float32Array(4), [], { ...usual, [name]: number });
          } catch ({ message }) { return message; } };
        return wrong.map((pair) => refused(...pair)); }""",
        [usual | {"seed": [1, 2]}, wrong],
    )
    assert answers == [f"{name}: {expectation(name)}" for name, _ in wrong]


@pytest.mark.parametrize(
    ("rate", "window_ms", "hop_ms", "bands"),
    [(16000, 30, 20, 40), (8000, 32, 10, 20), (11025, 40, 20, 30)],  # 441 samples
)
def test_the_frames_of_sound_are_those_of_the_front_end(
    rate, window_ms, hop_ms, bands, node
):
    rng = np.random.default_rng(4)
    front_end = LogMel(rate, window_ms, hop_ms, bands)
    samples = 0.1 * rng.normal(size=11 * front_end.hop + 7).astype("float32")
    samples[: 4 * front_end.hop] = 0
    before = rng.normal(size=front_end.context).astype("float32")
    shape = [rate, front_end.window, front_end.hop, bands]
    answers = node(
        """async (load, [shape, samples, before]) => {
        const { LogMel } = await load("local/log_mel.js");
        const frontEnd = new LogMel(...shape);
        samples = Float32Array.from(samples);
        return [frontEnd.frames(samples), frontEnd.frames(samples, before)].map(
          (frames) => Array.from(frames)); }""",
        [shape, samples.tolist(), before.tolist()],
    )
    expected = front_end(samples[None])[0], front_end(samples[None], before[None])[0]
    for answer, frames in zip(answers, expected, strict=True):
        np.testing.assert_allclose(
            np.reshape(answer, (-1, bands)), frames, rtol=0, atol=2e-4
        )


def test_a_window_of_one_sample_is_1(node):
    answer = node(
        """async (load) => {
        const { LogMel } = await load("local/log_mel.js");
        return Array.from(new LogMel(1000, 1, 1, 1).hann); }"""
    )
    assert answer == portable.LogMel(1000, 1, 1, 1).hann.tolist() == [1]


def test_a_clip_is_cut_to_its_loudest_part(node):
    rng = np.random.default_rng(6)
    waveforms = [
        rng.normal(size=n).astype("float32") for n in (0, 1, 99, 100, 101, 500)
    ]
    answers = node(
        """async (load, waveforms) => {
        const { fitClip } = await load("local/log_mel.js");
        return waveforms.map((waveform) => Array.from(fitClip(waveform, 100))); }""",
        [waveform.tolist() for waveform in waveforms],
    )
    for waveform, answer in zip(waveforms, answers, strict=True):
        expected = fit_clip(waveform[None], 100)[0].numpy()
        np.testing.assert_array_equal(np.float32(answer), expected)


BEAMS = [
    {
        "beam": 4,
        "max_length": 12,
        "min_length": 0,
        "length_penalty": 1.0,
        "block_ngrams": 3,
    },
    {
        "beam": 1,
        "max_length": 9,
        "min_length": 4,
        "length_penalty": 0.0,
        "block_ngrams": 0,
    },
    {
        "beam": 3,
        "max_length": 8,
        "min_length": 2,
        "length_penalty": 0.6,
        "block_ngrams": 1,
    },
    {
        "beam": 2,
        "max_length": 5,
        "min_length": 0,
        "length_penalty": 2.0,
        "block_ngrams": 2,
    },
]


@pytest.mark.parametrize("config", BEAMS)
def test_beam_search_finds_the_same_sequence(config, node):
    """The step's state is the token before the last one."""
    rng, size, end = np.random.default_rng(8), 9, 2
    tables = rng.normal(size=(12, 2, size, size)).astype("float32") * 2
    expected = []
    for last_table, before_table in tables:

        def step(ids, state, last_table=last_table, before_table=before_table):
            logits = tf.gather(last_table, ids) + tf.gather(before_table, state)
            return tf.nn.log_softmax(logits), ids

        ids, score = search(step, tf.zeros([1], "int32"), 1, end, end, **config)
        expected.append((ids[0].numpy(), float(score[0])))
    answers = node(
        """async (load, [tables, config, end]) => {
        const { search } = await load("local/beam.js");
        return Promise.all(tables.map(([ofLast, ofBefore]) => {
          let state = null;
          return search(async (last, parents) => {
            const before = last.map((_, n) => (state ? state[parents[n]] : 0));
            state = last;
            return last.map((id, n) => {
              const logits = ofLast[id].map((x, k) => x + ofBefore[before[n]][k]);
              const sum = Math.log(logits.reduce((s, x) => s + Math.exp(x), 0));
              return Float32Array.from(logits, (x) => x - sum); });
          }, end, config); })); }""",
        [tables.tolist(), config, end],
    )
    for answer, (ids, score) in zip(answers, expected, strict=True):
        length = np.count_nonzero(ids)
        assert answer["ids"] == ids[:length].tolist()
        assert answer["score"] == pytest.approx(score, abs=1e-5)
