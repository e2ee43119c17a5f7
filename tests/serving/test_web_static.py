"""The static page, in a browser, answers as the models of the finished runs do."""

import numpy as np
import pytest

from tests.serving.web_browser import needs_browser

pytestmark = [needs_browser, pytest.mark.slow]
SETTINGS = {"top_k": [0], "top_p": [0.95], "repetition_penalty": [1.1]}
TEXTS = [
    *(
        "it was a good film, and the plot isn't dull",
        "",
        "\u00ad ",
        "Caf\u00e9 \u732b!",
    ),
    *(
        "John went to the garden. Mary went to the office.\nNobody knows",
        "<br /> 1,000",
    ),
    *("In the old town lived anna7, who was a poet. anna7 rained anna7", "a b " * 40),
]


@pytest.fixture
def ask(visit_static):
    """Calls signatures in the page: a list of `(model, signature, inputs)`."""
    page = visit_static()

    def ask(calls):
        return page.evaluate(
            """async (calls) => {
            const file = new URL("local/api.js", document.baseURI);
            const { LocalApi } = await import(file);
            const answers = [], apis = {};
            for (const [model, ...rest] of calls) {
              const app = model === "passages" ? "question_answering" : model;
              apis[model] ??= new LocalApi({ [app]: model });
              answers.push(await apis[model].predict(app, ...rest));
            }
            return answers; }""",
            [list(call) for call in calls],
        )

    return ask


def assert_same(answer, outputs, atol=2e-5):
    """Compares an answer of the page with the outputs of a `Predictor`, by name."""
    assert set(answer) >= set(outputs)
    for name, expected in outputs.items():
        expected, column = expected.numpy(), answer[name]
        if expected.dtype == object:
            decode = np.vectorize(bytes.decode, otypes=[object])
            expected = decode(expected) if expected.size else expected
            assert column == expected.tolist(), name
        else:
            shape = expected.shape
            np.testing.assert_allclose(
                np.reshape(column, shape), expected, rtol=0, atol=atol, err_msg=name
            )


def call(function, inputs):
    """Calls a signature's `tf.function` with nested lists by input name."""

    def array(value, spec):
        if spec.dtype == "string":
            return np.array([text.encode() for text in value], object)
        return np.array(value, spec.dtype.as_numpy_dtype)

    specs = function.input_signature
    return function(*(array(inputs[spec.name], spec) for spec in specs))


def assert_answers(ask, predictors, model, signature, rows):
    """Asks the page and the `Predictor`, one row of inputs after the other."""
    answers = ask([(model, signature, row) for row in rows])
    for row, answer in zip(rows, answers, strict=True):
        assert_same(answer, call(predictors[model].signatures()[signature], row))


@pytest.mark.parametrize("signature", ["serving_default", "gates"])
def test_the_page_judges_as_the_model_does(signature, ask, predictors):
    rows = [{"text": [text]} for text in TEXTS]
    assert_answers(ask, predictors, "sentiment", signature, rows)


def test_several_texts_are_judged_at_once(ask, predictors):
    assert_answers(ask, predictors, "sentiment", "serving_default", [{"text": TEXTS}])


@pytest.mark.parametrize("signature", ["serving_default", "attention", "gates"])
def test_the_page_answers_about_stories_as_the_model_does(signature, ask, predictors):
    rows = [
        {"context": [context], "question": [question]}
        for context in (*TEXTS, "Mary went to the kitchen. xyzzy went. " * 40)
        for question in ("Where is Mary?", "xyzzy", "")
    ]
    assert_answers(ask, predictors, "question_answering", signature, rows)


@pytest.mark.parametrize("signature", ["serving_default", "attention", "gates"])
def test_the_page_answers_about_passages_as_the_model_does(signature, ask, predictors):
    rows = [
        {"context": [context], "question": [question]}
        for context in (
            *TEXTS,
            "In the year 1234, N\u00f6 \U0001f600 was built of stone.",
        )
        for question in ("What was built?", "xyzzy anna7", "")
    ]
    assert_answers(ask, predictors, "passages", signature, rows)


@pytest.mark.parametrize("signature", ["attention", "gates"])
def test_the_page_summarizes_as_the_model_does(signature, ask, predictors):
    rows = [{"document": [text]} for text in TEXTS]
    function = predictors["summarization"].signatures()[signature]
    answers = ask([("summarization", signature, row) for row in rows])
    for row, answer in zip(rows, answers, strict=True):
        outputs = dict(call(function, row))
        if not answer.get("summary", [True])[0] or answer.get("decoder_tokens") == [[]]:
            # The model pads an empty summary to one step.
            outputs = {n: v for n, v in outputs.items() if n in ("summary", "score")}
        assert_same(answer, outputs)


@pytest.mark.parametrize("temperature", [0.0, 1.5])
def test_the_same_seed_writes_the_same_text_as_the_model(temperature, ask, predictors):
    predictor, count = predictors["language_modeling"], 0
    settings = {"temperature": [temperature], **SETTINGS}
    for number, prompt in enumerate([*TEXTS[:4], "the story was"]):
        settings["seed"] = [(-7) ** number]
        carry = {
            state.name: [[0.0] * state.shape[1]] for state in predictor.model.inputs[1:]
        }
        carry, pieces = {"token_ids": [[]], **carry}, []
        for step in range(8):
            inputs = {"prompt": ["" if step else prompt], **settings, **carry}
            (answer,) = ask([("language_modeling", "stream", inputs)])
            assert_same(answer, call(predictor.stream, inputs))
            if answer["ended"][0]:
                break
            pieces += answer["text"]
            carry = {name: answer[name] for name in carry}
        inputs = {"prompt": [prompt], "max_tokens": [8], **settings}
        (text,) = call(predictor.generate, inputs)["text"].numpy()
        assert "".join(pieces).strip() == text.decode()
        count += len(pieces)
    assert count >= (10 if temperature else 1)


def test_the_page_shows_the_gates_of_a_written_text(ask, predictors):
    rows = [{"text": [text]} for text in TEXTS]
    assert_answers(ask, predictors, "language_modeling", "gates", rows)


@pytest.mark.parametrize("signature", ["serving_default", "gates"])
def test_the_page_recognizes_clips_as_the_model_does(signature, ask, predictors):
    rng = np.random.default_rng(2)
    rows = [
        {"waveform": [(0.2 * rng.normal(size=size)).round(6).tolist()]}
        for size in (1, 700, 1600, 4000)
    ]
    assert_answers(ask, predictors, "speech_commands", signature, rows)


def test_the_page_hears_a_stream_as_the_model_does(ask, predictors):
    predictor, rng = predictors["speech_commands"], np.random.default_rng(1)
    names = [spec.name for spec in predictor.stream.input_signature[1:]]
    state = {
        spec.name: np.zeros([1, *spec.shape[1:]], "float32").tolist()
        for spec in predictor.stream.input_signature[1:]
    }
    for frames in (0, 1, 7, 40):
        samples = (0.2 * rng.normal(size=frames * predictor.front_end.hop)).round(6)
        inputs = {"samples": [samples.tolist()], **state}
        (answer,) = ask([("speech_commands", "stream", inputs)])
        assert_same(answer, call(predictor.stream, inputs), atol=2e-4)
        state = {name: answer[name] for name in names}
    for name, value in predictor.detection.items():
        assert answer[name] == [value]
