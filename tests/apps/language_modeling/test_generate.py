"""Generation: how tokens are drawn, the export, and the command line."""

import numpy as np
import pytest
import tensorflow as tf

from apps.common.portable.sampling import expectation
from apps.language_modeling.generate import main
from apps.language_modeling.predict import Predictor
from apps.language_modeling.sampling import DTYPES, choose
from serving.formats import reason
from tests.apps.common.portable.test_sampling import OUT_OF_BOUNDS


def draw(logits, count=400, **settings):
    """Returns the tokens drawn from one row of logits with different seeds."""
    settings = {
        "temperature": 1.0,
        "top_k": 0,
        "top_p": 1.0,
        "repetition_penalty": 1.0,
        "seen": np.zeros(len(logits), "float32"),
        **settings,
    }
    seen = tf.constant(np.tile(settings.pop("seen"), (count, 1)))
    types = {"top_k": "int32"}
    settings = {
        name: tf.fill([count], tf.constant(value, types.get(name, "float32")))
        for name, value in settings.items()
    }
    seeds = tf.stack([tf.range(count), tf.zeros(count, "int32")], axis=1)
    logits = tf.constant(np.tile(np.array(logits, "float32"), (count, 1)))
    return choose(logits, seen, **settings, seed=seeds).numpy()


LOGITS = [9.0, 9.0, *np.log([0.5, 0.3, 0.15, 0.05])]  # padding and unknown first


def test_tokens_are_drawn_by_their_probabilities():
    shares = np.bincount(draw(LOGITS, 2000), minlength=6) / 2000
    np.testing.assert_allclose(shares, [0, 0, 0.5, 0.3, 0.15, 0.05], atol=0.03)


def test_temperature_0_takes_the_most_probable():
    assert set(draw(LOGITS, temperature=0.0)) == {2}


def test_a_high_temperature_levels_the_shares():
    shares = np.bincount(draw(LOGITS, 2000, temperature=100.0), minlength=6) / 2000
    np.testing.assert_allclose(shares[2:], 0.25, atol=0.04)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"top_k": 1}, {2}),
        ({"top_k": 2}, {2, 3}),
        ({"top_k": 99}, {2, 3, 4, 5}),
        ({"top_p": 0.0}, {2}),
        ({"top_p": 0.5}, {2}),
        ({"top_p": 0.6}, {2, 3}),
        ({"top_p": 0.9}, {2, 3, 4}),
        ({"top_p": 0.9, "top_k": 2}, {2, 3}),
    ],
    ids=str,
)
def test_top_k_and_top_p_leave_the_most_probable(settings, expected):
    assert set(draw(LOGITS, **settings)) == expected


def test_the_repetition_penalty_makes_what_occurred_less_probable():
    seen = np.array([0, 0, 3, 0, 0, 0], "float32")
    logits = [0.0, 0.0, 2.0, 1.5, -1.0, -2.0]
    assert set(draw(logits, temperature=0.0, seen=seen)) == {2}
    punished = draw(logits, temperature=0.0, seen=seen, repetition_penalty=2.0)
    assert set(punished) == {3}


def test_the_repetition_penalty_makes_an_improbable_token_less_probable_too():
    settings = {"temperature": 0.0, "seen": np.array([0, 0, 3, 0], "float32")}
    logits = [0.0, 0.0, -1.0, -1.5]
    assert draw(logits, 1, **settings) == [2]
    assert draw(logits, 1, **settings, repetition_penalty=2.0) == [3]


def test_the_same_seed_draws_the_same():
    np.testing.assert_array_equal(draw(LOGITS), draw(LOGITS))


@pytest.fixture(scope="module")
def predictor(finished_language_run):
    return Predictor.load(finished_language_run)


@pytest.fixture(scope="module")
def generate(predictor):
    def call(prompts, **settings):
        settings = {
            "max_tokens": 6,
            "temperature": 1.0,
            "top_k": 0,
            "top_p": 1.0,
            "repetition_penalty": 1.0,
            "seed": 3,
            **settings,
        }
        integers = ("max_tokens", "top_k", "seed")
        values = [
            tf.fill(
                [len(prompts)], tf.constant(v, "int32" if n in integers else "float32")
            )
            for n, v in settings.items()
        ]
        texts = predictor.generate(tf.constant(prompts), *values)["text"]
        return [text.decode() for text in texts.numpy()]

    return call


def test_a_row_does_not_depend_on_its_neighbours(generate):
    alone = [generate([prompt])[0] for prompt in ("the film", "", "a story it was")]
    assert generate(["the film", "", "a story it was"]) == alone


@pytest.mark.parametrize("prompt", ["", "zzz qqq", "zzz the", "."])
def test_any_prompt_is_gone_on_from(generate, prompt):
    assert isinstance(generate([prompt])[0], str)


def test_no_token_makes_an_empty_text(generate):
    assert generate(["the film"], max_tokens=0) == [""]


@pytest.mark.slow
def test_ten_thousand_tokens_may_be_asked_for(generate):
    texts = generate(["the"] * 8, max_tokens=10000, temperature=1000.0)
    assert any(len(text) > 20 for text in texts)


@pytest.mark.parametrize("signature", ["generate", "stream"])
@pytest.mark.parametrize(("name", "value"), OUT_OF_BOUNDS)
def test_settings_out_of_bounds_are_refused(predictor, signature, name, value):
    """With the message of the runtime without TensorFlow."""
    call = getattr(predictor, signature)
    inputs = [
        tf.zeros([1, *(size or 0 for size in spec.shape[1:])], spec.dtype)
        for spec in call.input_signature
    ]
    places = {spec.name: n for n, spec in enumerate(call.input_signature)}
    inputs[places["prompt"]] = tf.constant([""])
    inputs[places["repetition_penalty"]] = tf.ones([1])
    call(*inputs)
    inputs[places[name]] = tf.constant([value], DTYPES[name])
    with pytest.raises(tf.errors.InvalidArgumentError) as refusal:
        call(*inputs)
    assert reason(refusal.value.message) == f"{name}: {expectation(name)}"


def test_max_tokens_is_the_most(generate):
    texts = generate(["the"] * 5, max_tokens=3)
    assert all(len(text.split()) <= 3 for text in texts)


@pytest.mark.parametrize("settings", [{}, {"repetition_penalty": 1.5, "top_p": 0.8}])
def test_pieces_drawn_one_by_one_are_the_text_drawn_at_once(
    finished_language_run, generate, settings
):
    """By the export, on rows of differing lengths, with a client's carry."""
    exported = finished_language_run / "export/language_modeling/1"
    loaded = tf.saved_model.load(str(exported))
    stream = loaded.signatures["stream"]
    prompts = ["the film", "", "a story it was", "zzz"]
    values = {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "repetition_penalty": 1.0}
    values |= {"seed": 3, **settings}
    fixed = {
        name: tf.fill([4], tf.constant(values[name], DTYPES[name])) for name in DTYPES
    }
    shapes = stream.structured_input_signature[1]
    carry = {
        name: tf.zeros([4, *(size or 0 for size in spec.shape[1:])], spec.dtype)
        for name, spec in shapes.items()
        if name not in {"prompt", *fixed}
    }
    texts, open_, given = [""] * 4, [True] * 4, prompts
    for _ in range(6):
        outputs = stream(prompt=tf.constant(given), **fixed, **carry)
        for row, piece in enumerate(outputs["text"].numpy()):
            open_[row] = open_[row] and not outputs["ended"][row]
            texts[row] += piece.decode() if open_[row] else ""
        carry, given = {name: outputs[name] for name in carry}, [""] * 4
    made = generate(prompts, **settings)
    assert [text.split() for text in texts] == [text.split() for text in made]
    assert len("".join(made)) > 20


def test_the_command_line_streams_what_the_export_gives(
    finished_language_run, generate, capsys
):
    arguments = [str(finished_language_run), "the film", "--max-tokens", "6"]
    main([*arguments, "--temperature", "0", "--repetition-penalty", "1"])
    shown = capsys.readouterr().out
    made = generate(["the film"], temperature=0.0)[0]
    assert shown.startswith("the film")
    assert "".join(shown.split()) == "".join(["the", "film", *made.split()])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--temperature", "-1"], "--temperature: expected a number, 0 or more."),
        (["--temperature", "nan"], "--temperature: expected a number, 0 or more."),
        (["--max-tokens", "-1"], "--max-tokens: expected a number, 0 or more."),
        (
            ["--top-p", "1.5"],
            "--top-p: expected a number, 0 or more, at most 1.",
        ),
        (["--repetition-penalty", "0"], "expected a number, above 0. Received: 0.0."),
    ],
    ids=str,
)
def test_what_cannot_be_meant_is_refused_in_one_line(
    finished_language_run, capsys, arguments, message
):
    with pytest.raises(SystemExit) as caught:
        main([str(finished_language_run), "the", *arguments])
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_a_directory_that_is_no_run_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main([str(tmp_path), "the"])
    assert "is not a run" in capsys.readouterr().err


def test_the_signature_step_is_the_whole_sequence_token_by_token(
    predictor, finished_language_run
):
    model, vocabulary = predictor.model, predictor.vocabulary
    loaded = tf.saved_model.load(
        str(finished_language_run / "export/language_modeling/1")
    )
    step = loaded.signatures["step"]
    ids = np.random.default_rng(1).integers(2, len(vocabulary), (2, 5)).astype("int32")
    names = [state.name for state in model.inputs[1:]]
    state = {s.name: tf.zeros((2, s.shape[1])) for s in model.inputs[1:]}
    expected, *_ = model([tf.constant(ids), *state.values()])
    for t in range(5):
        answer = step(token_ids=tf.constant(ids[:, t]), **state)
        np.testing.assert_allclose(answer["logits"], expected[:, t], atol=1e-5)
        state = {name: answer[name] for name in names}
