"""The static page, in a browser, answers as the models of the finished runs do."""

import importlib
import json
import shutil

import numpy as np
import pytest
from playwright.sync_api import expect

from serving import static
from tests.serving.static_fixtures import hosting, onnx_export, real_archive
from tests.serving.web_browser import BUTTONS, TABS, needs_browser, panel, press

pytestmark = [needs_browser, pytest.mark.slow]
FIXTURES = {
    "language_modeling": "language_run",
    "sentiment": "trained_run",
    "speech_commands": "speech_run",
    "summarization": "summarization_run",
    "question_answering": "question_run",
}
AT = "folder/page"  # of the page on its host
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


@pytest.fixture(scope="module")
def predictors(request):
    """The `Predictor` of each app."""
    runs = {app: request.getfixturevalue(name) for app, name in FIXTURES.items()}
    runs["passages"] = request.getfixturevalue("passage_run")
    return {
        name: importlib.import_module(
            f"apps.{name if name in TABS else 'question_answering'}.predict"
        ).Predictor.load(run)
        for name, run in runs.items()
    }


@pytest.fixture(scope="module")
def site(predictors, tmp_path_factory):
    """A folder of a host, in which `AT` is the page with six models."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("CAROUSEL_CACHE")  # the user's own cache: no download each time
        real_archive()
        site, runs = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("runs")
        places = [
            f"{name}={onnx_export(predictor, runs / name)}"
            for name, predictor in predictors.items()
        ]
        static.write_static(site / AT, places)
    return site


@pytest.fixture(scope="module")
def host(site):
    with hosting(site) as address:
        yield address


@pytest.fixture
def visit(browser, host):
    """Opens a tab of the static page; it calls no other host, its console is empty."""
    contexts, messages, urls = [], [], []

    def open_tab(tab="", query="", before=None, fails=False, at=AT, **options):
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        if before:
            page.add_init_script(before)
        page.on("pageerror", lambda error: messages.append(str(error)))
        if not fails:
            page.on("console", lambda message: messages.append(message.text))
        page.on("request", lambda request: urls.append(request.url))
        page.goto(f"{host}/{at}/{query}#{tab}")
        return page

    yield open_tab
    for context in contexts:
        context.close()
    assert messages == [], messages
    elsewhere = [url for url in urls if not url.startswith((f"{host}/", "blob:"))]
    assert elsewhere == [], elsewhere


@pytest.fixture
def ask(visit):
    """Calls signatures in the page: a list of `(model, signature, inputs)`."""
    page = visit()

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
    assert (answer["threshold"], answer["pause_ms"]) == ([0.8], [300])


@pytest.mark.parametrize("model", TABS, ids=TABS.values())
def test_each_tab_answers_its_example_and_shows_its_gates(model, visit):
    page = visit(model)
    tab = press(page, model)
    expect(tab.locator(".result")).not_to_be_empty()
    expect(tab.locator(".problem")).to_have_count(0)
    expect(page.locator("#server-name")).to_have_text("this page, 5 of 5 models")


def test_another_model_of_an_app_is_asked_by_the_address(visit):
    page = visit("question_answering", query="?question_answering=passages")
    expect(page.get_by_label("A question about it")).to_have_value(
        "Who built the lighthouse?"
    )
    tab = press(page, "question_answering")
    expect(tab.locator(".result")).to_contain_text("The answer in the passage")


def test_the_microphone_is_heard_without_a_server(visit):
    """The browser's fake microphone beeps once a second."""
    page = visit("speech_commands", permissions=["microphone"])
    tab = panel(page, "speech_commands")
    tab.get_by_role("button", name="Listen").click()
    expect(tab.locator(".result .state")).to_have_text("Listening. Say a word.")
    page.wait_for_timeout(1500)
    tab.get_by_role("button", name="Stop").click()
    expect(tab.locator(".result .state")).to_contain_text("heard in")
    expect(tab.locator(".gates")).to_be_visible()


def test_without_webassembly_one_line_says_so(visit):
    page = visit("sentiment", before="delete globalThis.WebAssembly")
    notice = page.locator("#notice .problem")
    expect(notice).to_contain_text("This browser has no WebAssembly")
    assert page.locator(".problem").count() == 1


@pytest.fixture
def damaged(site, tmp_path):
    """Makes a copy of the page beside it; returns its name, and the models' folder."""
    copy = site / tmp_path.name
    shutil.copytree(site / AT, copy)
    yield copy.name, copy / "models"
    shutil.rmtree(copy)


def test_a_model_that_is_not_in_the_folder_names_the_commands(damaged, visit):
    at, models = damaged
    listed = json.loads((models / "models.json").read_text())
    del listed["sentiment"]
    (models / "models.json").write_text(json.dumps(listed))
    page = visit("sentiment", at=at)
    problem = panel(page, "sentiment").locator(".problem")
    expect(problem).to_contain_text("The model sentiment is not in this folder.")
    expect(problem).to_contain_text("python -m serving.static")
    expect(page.locator("#server-name")).to_have_text("this page, 4 of 5 models")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda path: path.unlink(),
            "sentiment/sentiment.onnx could not be loaded (404)",
        ),
        (
            lambda path: path.write_bytes(path.read_bytes()[:5000]),
            "ONNX Runtime could not load sentiment/sentiment.onnx",
        ),
    ],
    ids=["missing", "cut off"],
)
def test_a_graph_that_cannot_be_loaded_is_told(damage, message, damaged, visit):
    at, models = damaged
    damage(models / "sentiment" / "sentiment.onnx")
    page = visit("sentiment", at=at, fails=True)
    problem = panel(page, "sentiment").locator(".problem")
    expect(problem.first).to_contain_text(message)
    expect(problem.first).to_contain_text("Write the folder again")


def test_a_folder_without_the_runtime_says_so(damaged, visit):
    at, models = damaged
    shutil.rmtree(models.parent / "onnxruntime")
    page = visit("sentiment", at=at, fails=True)
    expect(page.locator("#notice .problem")).to_contain_text("did not start")
    panel(page, "sentiment").get_by_role("button", name=BUTTONS["sentiment"]).click()
    expect(panel(page, "sentiment").locator(".result .problem")).to_be_visible()
