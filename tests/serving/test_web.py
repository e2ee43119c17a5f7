"""The page, in a browser, with a server that answers by rule."""

import re
import shutil
import wave

import numpy as np
import pytest
from playwright.sync_api import expect, sync_playwright

from apps.speech_commands.detector import Listener
from lstm_layer.gates import NAMES, Gates, contributions
from tests.serving.web_fixtures import HOP, LABELS, RATE_HZ, SIGNATURES, WEB, running

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)
FAKE_MICROPHONE = [
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]
TABS = {
    "language_modeling": "Write",
    "sentiment": "Sentiment",
    "speech_commands": "Speech",
    "summarization": "Summarize",
    "question_answering": "Answer",
}
BUTTONS = {**TABS, "sentiment": "Judge it", "speech_commands": "Try an example"}
ANSWERS = {
    "language_modeling": "The city lies on the river and the hills are near the old",
    "sentiment": "positive (88 %)",
    "speech_commands": "3 words heard in 4.0 seconds.",
    "summarization": "the thing since.",
    "question_answering": "hallway (97 %)",
}
PHONE = {"viewport": {"width": 360, "height": 740}, "device_scale_factor": 3}

expect.set_options(timeout=20_000)
needs_browser = pytest.mark.skipif(
    BROWSER is None, reason=f"no browser in PATH: none of {', '.join(BROWSERS)}"
)


@pytest.fixture(scope="module")
def playwright():
    with sync_playwright() as found:
        yield found


@pytest.fixture(scope="module")
def browser(playwright):
    browser = playwright.chromium.launch(
        executable_path=BROWSER, args=["--no-sandbox", *FAKE_MICROPHONE]
    )
    yield browser
    browser.close()


@pytest.fixture
def serving():
    with running() as serving:
        yield serving


@pytest.fixture
def visit(browser, serving):
    """Opens a tab of the page; afterwards nothing may have been said in the console.

    A test that has the server refuse or vanish gives `fails=True`: the browser notes
    each refusal itself.
    """
    contexts, said, asked, allowed = [], [], [], {serving.address}

    def open_tab(tab="", fails=False, server=None, may_ask=None, **options):
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: said.append(str(error)))
        if not fails:
            page.on("console", lambda message: said.append(message.text))
        page.on("request", lambda request: asked.append(request.url))
        allowed.update(filter(None, (server, may_ask)))
        query = f"?server={server}" if server else ""
        page.goto(f"{serving.address}/{query}#{tab}")
        return page

    yield open_tab
    for context in contexts:
        context.close()
    assert said == []
    elsewhere = [url for url in asked if not url.startswith(tuple(allowed))]
    assert elsewhere == []


def panel(page, model):
    return page.locator(f"#panel-{model}")


def press(page, model):
    """Presses the tab's button and waits for its gates; returns the panel."""
    found = panel(page, model)
    found.get_by_role("button", name=BUTTONS[model], exact=True).click()
    expect(found.locator(".gates")).to_be_visible()
    return found


def problem(page, model):
    found = panel(page, model).locator(".problem")
    expect(found).to_be_visible()
    return found.inner_text()


def run(page, script, argument=None):
    """Runs a function of JavaScript whose first argument imports a file of the page."""
    return page.evaluate(
        f"argument => ({script})(name => import(`/${{name}}`), argument)", argument
    )


def write_wav(path, samples, rate, channels=1):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        pcm = np.round(np.repeat(samples, channels) * 32767).astype("<i2")
        file.writeframes(pcm.tobytes())
    return path


def tones(rate, *seconds):
    """Returns pauses and tones in turn."""
    parts = []
    for number, length in enumerate(seconds):
        time = np.arange(int(length * rate)) / rate
        parts.append(0.3 * (number % 2) * np.sin(2 * np.pi * 440 * time))
    return np.concatenate(parts)


def test_each_file_is_short_and_loads_nothing_from_elsewhere():
    for path in WEB.iterdir():
        if path.suffix == ".wav":
            continue
        content = path.read_text(encoding="utf-8")
        assert len(content.splitlines()) <= 300, path.name
        addresses = re.findall(
            r"""(?:src|href|url|import|fetch)\W+https?://""", content
        )
        assert addresses == [], path.name


def test_no_style_or_script_is_inline():
    """A Content-Security-Policy of `default-src 'self'` allows the page."""
    content = (WEB / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*src=)", content)


def test_the_example_is_sound_of_the_default_model_s_rate():
    with wave.open(str(WEB / "example.wav")) as file:
        assert (file.getframerate(), file.getnchannels()) == (16000, 1)
        assert file.getnframes() < 5 * 16000


@needs_browser
def test_a_text_gets_its_label_the_words_that_moved_it_and_its_gates(visit, serving):
    page = visit("sentiment")
    found = press(page, "sentiment")
    expect(found.locator(".answer")).to_have_text(ANSWERS["sentiment"])
    assert found.locator(".bar").all_inner_texts() == [
        "negative\n12\u00a0%",
        "positive\n88\u00a0%",
    ]
    words = found.locator(".words .word")
    assert words.count() == 20
    assert found.locator(".words .against").all_text_contents() == [
        "thin, (7 points against) "
    ]
    joy = found.locator(".words .for", has_text="joy")
    joy.hover()
    expect(found.locator(".result .value")).to_have_text(
        "Without “joy.”: positive 50 % instead of 88 %, 38 points less."
    )
    thickness = "e => parseFloat(getComputedStyle(e).borderBottomWidth)"
    style = "e => getComputedStyle(e).borderBottomStyle"
    wonderful = found.locator(".words .for", has_text="wonderful")
    against = found.locator(".words .against")
    assert joy.evaluate(thickness) > wonderful.evaluate(thickness) > 0
    assert (joy.evaluate(style), against.evaluate(style)) == ("solid", "dashed")
    asked = [(signature, len(inputs["text"])) for _, signature, inputs in serving.asked]
    assert asked == [("serving_default", 1 + 20 + 2), ("gates", 1)]


@needs_browser
@pytest.mark.slow
@pytest.mark.parametrize("model", TABS, ids=TABS.values())
def test_each_tab_answers_its_example(model, visit):
    page = visit(model)
    found = press(page, model)
    expect(found.locator(".result")).to_contain_text(ANSWERS[model])
    expect(found.locator(".problem")).to_have_count(0)
    expect(page.get_by_role("tab", name=TABS[model])).to_have_attribute(
        "aria-selected", "true"
    )


@needs_browser
@pytest.mark.slow
def test_the_arrow_keys_go_from_word_to_word(visit):
    page = visit("sentiment")
    found = press(page, "sentiment")
    found.locator(".words .word").first.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft", "End", "ArrowRight"):
        page.keyboard.press(key)
    expect(found.locator(".result .value")).to_contain_text("Without “joy.”")
    page.keyboard.press("Home")
    expect(found.locator(".result .value")).to_contain_text("Without “Slow”")
    assert found.locator(".words .word[tabindex='0']").count() == 1


@needs_browser
@pytest.mark.slow
def test_of_a_long_text_runs_of_words_are_left_out(visit, serving):
    page = visit("sentiment")
    page.get_by_label("A text, such as").fill("joy " * 300 + "é\ud83d\ude00 dull")
    found = press(page, "sentiment")
    sent = serving.asked[0][2]["text"]
    assert len(sent) <= 64
    assert found.locator(".words .word").count() == len(sent) - 3
    assert {len(text.split()) for text in sent[1:-3]} == {302 - 5}


@needs_browser
@pytest.mark.slow
def test_of_a_single_word_the_empty_text_is_asked(visit, serving):
    page = visit("sentiment")
    page.get_by_label("A text, such as").fill("dull")
    found = press(page, "sentiment")
    expect(found.locator(".answer")).to_have_text("negative (88 %)")
    assert serving.asked[0][2]["text"][:2] == ["dull", ""]


@needs_browser
@pytest.mark.slow
def test_no_text_is_a_problem_in_words(visit, serving):
    page = visit("sentiment")
    page.get_by_label("A text, such as").fill("  ")
    panel(page, "sentiment").get_by_role("button", name="Judge it").click()
    assert problem(page, "sentiment") == "There is no text.\n\nWrite one first."
    assert serving.asked == []


@needs_browser
@pytest.mark.slow
def test_a_text_is_written_token_by_token_until_the_model_ends_it(visit, serving):
    page = visit("language_modeling")
    found = press(page, "language_modeling")
    expect(found.locator(".written")).to_have_text(
        "The city lies on the river and the hills are near the old town."
    )
    expect(found.locator(".state")).to_contain_text(
        "Length 9. Here the model ended the text."
    )
    expect(found.locator(".state")).to_contain_text("again, and, ⏎.")
    streamed = [inputs for _, name, inputs in serving.asked if name == "stream"]
    assert len(streamed) == 10
    assert [one["prompt"][0] for one in streamed[:2]] == [
        "The city lies on the river",
        "",
    ]
    assert streamed[0]["token_ids"] == [[]]
    assert streamed[3]["token_ids"] == [[1, 2, 3]]
    assert len({one["seed"][0] for one in streamed}) == 1
    assert streamed[0]["temperature"] == [0.8]
    assert serving.asked[-1] == (
        "language_modeling",
        "gates",
        {"text": ["The city lies on the river and the hills are near the old town."]},
    )


@needs_browser
@pytest.mark.slow
def test_settings_are_sent_and_no_more_words_are_written_than_asked(visit, serving):
    page = visit("language_modeling")
    page.get_by_label("Temperature").fill("0")
    page.get_by_label("Top-p").fill("1")
    page.get_by_role("spinbutton", name="Length").fill("3")
    found = press(page, "language_modeling")
    expect(found.locator(".state")).to_contain_text(
        "Length 3. That is as many as you asked for."
    )
    first = serving.asked[0][2]
    assert (first["temperature"], first["top_p"], first["top_k"]) == ([0], [1], [0])
    assert sum(name == "stream" for _, name, _ in serving.asked) == 3


@needs_browser
@pytest.mark.slow
def test_stop_ends_the_writing_and_keeps_what_is_written(visit, serving):
    serving.delay_s = 0.3
    page = visit("language_modeling")
    found = panel(page, "language_modeling")
    found.get_by_role("button", name="Write").click()
    expect(found.locator(".state")).to_contain_text(
        re.compile("Length [3-7] of at most 40")
    )
    found.get_by_role("button", name="Stop").click()
    expect(found.locator(".state")).to_contain_text("Stopped.")
    expect(found.locator(".gates")).to_be_visible()
    expect(found.get_by_role("button", name="Stop")).to_be_disabled()
    assert re.search(r"river and the hills", found.locator(".written").inner_text())
    count = sum(name == "stream" for _, name, _ in serving.asked)
    assert count < 8


@needs_browser
@pytest.mark.slow
def test_a_newer_request_supersedes_an_older_one(visit, serving):
    serving.delay_s = 0.5
    page = visit("sentiment")
    found = panel(page, "sentiment")
    page.get_by_label("A text, such as").fill("dull")
    found.get_by_role("button", name="Judge it").click()
    page.get_by_label("A text, such as").fill("a joy")
    serving.delay_s = 0.0
    press(page, "sentiment")
    page.wait_for_timeout(700)
    expect(found.locator(".answer")).to_have_text("positive (88 %)")
    assert found.locator(".answer").count() == 1


@needs_browser
@pytest.mark.slow
def test_a_word_of_the_summary_shows_where_it_looked(visit):
    page = visit("summarization")
    found = press(page, "summarization")
    assert found.locator(".words .copied").all_text_contents() == [
        "the (copied) ",
        "since. (copied) ",
    ]
    found.locator(".words .word").first.focus()
    expect(found.locator(".result .value")).to_contain_text(
        "“the”: copied, says the model with 98 %. It looked at “the” (90 %)"
    )
    assert found.locator(".document .seen").all_inner_texts() == ["the"]
    page.keyboard.press("ArrowRight")
    expect(found.locator(".result .value")).to_contain_text("the model's own word")
    assert found.locator(".document .seen").all_inner_texts() == ["elmsford"]


@needs_browser
@pytest.mark.slow
def test_a_story_shows_the_facts_that_it_looked_at(visit):
    page = visit("question_answering")
    found = press(page, "question_answering")
    rows = found.locator(".facts tbody tr").all_inner_texts()
    # The fake keeps the last four sentences, as a model keeps its last.
    assert rows == [
        "the sun shines\t90\u00a0%\t3\u00a0%",
        "mary went to the office\t3\u00a0%\t3\u00a0%",
        "john travelled to the garden\t3\u00a0%\t3\u00a0%",
        "mary moved to the hallway\t3\u00a0%\t90\u00a0%",
    ]
    layers = (
        found.get_by_role("combobox", name="Layer").locator("option").all_inner_texts()
    )
    assert layers == [
        "forward_story_1",
        "backward_story_1 (from the end)",
        "question_reader",
    ]


@needs_browser
@pytest.mark.slow
def test_in_a_passage_the_answer_is_marked_by_characters(visit, serving):
    serving.passages = True
    page = visit("question_answering")
    context = page.get_by_label("A story, one fact")
    expect(context).to_have_value(re.compile("lighthouse"))
    context.fill("😀🌊 Ann Innes built it.")
    found = press(page, "question_answering")
    expect(found.locator("mark")).to_have_text("Innes")


@needs_browser
@pytest.mark.slow
def test_words_of_a_recording_are_heard_at_their_times(visit, serving, tmp_path):
    """A file of two channels and another rate."""
    sound = tones(44100, 1.0, 0.6, 1.0, 0.6, 1.0)
    path = write_wav(tmp_path / "two.wav", sound, 44100, channels=2)
    page = visit("speech_commands")
    found = panel(page, "speech_commands")
    expect(found.locator(".words-known")).to_have_text("It listens for: no, yes.")
    found.locator("input[type=file]").set_input_files(path)
    expect(found.locator(".result .state")).to_have_text(
        "2 words heard in 4.2 seconds."
    )
    times = [
        float(re.search(r"yes at ([\d.]+) s", item).group(1))
        for item in found.locator(".detections li").all_inner_texts()
    ]
    assert times == pytest.approx([1.18, 2.78], abs=0.04)
    expect(found.locator(".plot canvas")).to_have_attribute(
        "aria-label", re.compile("Heard: yes, yes")
    )
    expect(found.locator(".gates .of")).to_have_text(
        "The second before “yes” was heard."
    )
    assert serving.asked[0][1:] == (
        "stream",
        {
            "samples": [[]],
            "audio": [[0] * 160],
            "scores": [[[0] * len(LABELS)] * 3],
            "h_1": [[0] * 4],
        },
    )
    states = [
        inputs["h_1"][0][0] for _, name, inputs in serving.asked if name == "stream"
    ]
    assert states[2:] == list(range(len(states) - 2))  # each goes on from the last
    waveforms = [i["waveform"] for _, name, i in serving.asked if name == "gates"]
    assert {len(one[0]) for one in waveforms} == {RATE_HZ}
    # It ends when the word is heard: 0.18 seconds of it, after silence.
    loud = np.flatnonzero(np.abs(waveforms[-1][0]) > 0.01)
    assert RATE_HZ - loud[0] == pytest.approx(0.18 * RATE_HZ, abs=0.04 * RATE_HZ)


@needs_browser
@pytest.mark.slow
def test_what_is_no_sound_is_told(visit, tmp_path):
    path = tmp_path / "notes.wav"
    path.write_text("no sound")
    page = visit("speech_commands")
    panel(page, "speech_commands").locator("input[type=file]").set_input_files(path)
    assert problem(page, "speech_commands").startswith(
        "notes.wav cannot be read as sound."
    )


@needs_browser
@pytest.mark.slow
def test_a_dropped_file_is_heard(visit, tmp_path):
    content = write_wav(tmp_path / "one.wav", tones(16000, 1, 0.6, 0.4), 16000)
    page = visit("speech_commands")
    transfer = page.evaluate_handle(
        """bytes => { const data = new DataTransfer();
        data.items.add(new File([new Uint8Array(bytes)], "one.wav")); return data; }""",
        list(content.read_bytes()),
    )
    page.dispatch_event(".drop", "drop", {"dataTransfer": transfer})
    expect(panel(page, "speech_commands").locator(".result .state")).to_have_text(
        "1 word heard in 2.0 seconds."
    )


@needs_browser
@pytest.mark.slow
def test_the_microphone_is_heard_until_stop(visit, serving):
    """The browser's fake microphone beeps once a second."""
    page = visit("speech_commands", permissions=["microphone"])
    found = panel(page, "speech_commands")
    found.get_by_role("button", name="Listen").click()
    expect(found.locator(".result .state")).to_have_text("Listening. Say a word.")
    page.wait_for_timeout(2500)
    found.get_by_role("button", name="Stop").click()
    expect(found.locator(".result .state")).to_contain_text("heard in")
    expect(found.get_by_role("button", name="Stop")).to_be_disabled()
    expect(found.locator(".gates")).to_be_visible()
    chunks = [
        len(inputs["samples"][0])
        for _, name, inputs in serving.asked
        if name == "stream"
    ]
    assert sum(chunks) > RATE_HZ
    assert {length % HOP for length in chunks} == {0}
    count = len(serving.asked)
    page.wait_for_timeout(400)
    assert len(serving.asked) == count


@needs_browser
@pytest.mark.slow
def test_whoever_leaves_the_tab_is_listened_to_no_longer(visit, serving):
    page = visit("speech_commands", permissions=["microphone"])
    found = panel(page, "speech_commands")
    found.get_by_role("button", name="Listen").click()
    expect(found.locator(".result .state")).to_have_text("Listening. Say a word.")
    page.get_by_role("tab", name="Write").click()
    page.get_by_role("tab", name="Speech").click()
    expect(found.locator(".result .state")).to_contain_text("heard in")


@needs_browser
@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            """() => { navigator.mediaDevices.getUserMedia = () =>
            Promise.reject(new DOMException("no", "NotAllowedError")); }""",
            "The browser was not allowed to use the microphone.",
        ),
        (
            """() => { navigator.mediaDevices.getUserMedia = () =>
            Promise.reject(new DOMException("no", "NotFoundError")); }""",
            "No microphone was found.",
        ),
        (
            "Object.defineProperty(navigator, 'mediaDevices', { value: undefined })",
            "Here the browser gives no page the microphone.",
        ),
    ],
    ids=["denied", "none", "not on localhost"],
)
def test_a_microphone_that_cannot_be_had_is_told(change, expected, visit):
    page = visit("speech_commands")
    page.evaluate(change)
    panel(page, "speech_commands").get_by_role("button", name="Listen").click()
    assert problem(page, "speech_commands").startswith(expected)


@needs_browser
@pytest.mark.slow
def test_without_an_audio_worklet_the_microphone_is_heard_as_well(visit, serving):
    page = visit("speech_commands", fails=True, permissions=["microphone"])
    page.evaluate(
        "Object.defineProperty(AudioContext.prototype, 'audioWorklet', { get() {} })"
    )
    found = panel(page, "speech_commands")
    found.get_by_role("button", name="Listen").click()
    page.wait_for_timeout(1500)
    found.get_by_role("button", name="Stop").click()
    expect(found.locator(".result .state")).to_contain_text("heard in")
    assert sum(len(i["samples"][0]) for _, n, i in serving.asked if n == "stream") > HOP


@needs_browser
@pytest.mark.slow
def test_a_model_that_needs_whole_clips_gets_one(visit, serving, tmp_path):
    del serving.signatures["speech_commands"]["stream"]
    path = write_wav(tmp_path / "one.wav", tones(16000, 0.5, 0.5), 16000)
    page = visit("speech_commands")
    found = panel(page, "speech_commands")
    expect(found.locator(".words-known")).to_contain_text(
        "This model reads whole clips"
    )
    found.locator("input[type=file]").set_input_files(path)
    expect(found.locator(".result .state")).to_have_text("yes (90 %)")
    expect(found.locator(".gates")).to_be_visible()


@needs_browser
@pytest.mark.slow
def test_the_page_hears_what_the_package_hears(visit):
    """The rule of detection is written twice; on random posteriors both agree."""
    rng = np.random.default_rng(3)
    labels = ["_silence_", "_unknown_", "no", "on", "yes"]
    lengths = rng.integers(8, 24, size=200)  # about the pause after a word
    logits = np.repeat(rng.normal(size=(200, len(labels))) * 9, lengths, axis=0)
    posteriors = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    listener = Listener(labels, 0.02)
    expected = [listener.feed(part) for part in np.split(posteriors, [1, 7, 300])]
    found = run(
        visit(),
        """async (load, [labels, parts]) => {
        const { Listener } = await load("detector.js");
        const listener = new Listener(labels, 0.02);
        return parts.map((part) => listener.feed(part)); }""",
        [labels, [part.tolist() for part in np.split(posteriors, [1, 7, 300])]],
    )
    heard = 0
    for one, (smoothed, detections) in zip(found, expected, strict=True):
        np.testing.assert_allclose(one["smoothed"], smoothed, atol=1e-9)
        assert [d["word"] for d in one["detections"]] == [d.word for d in detections]
        times = [d["timeS"] for d in one["detections"]]
        assert times == pytest.approx([d.time_s for d in detections])
        heard += len(detections)
    assert heard > 50


@needs_browser
@pytest.mark.slow
@pytest.mark.parametrize("rate", [48000, 44100, 8000, 16000])
def test_a_resampled_tone_is_the_tone_whatever_the_blocks(rate, visit):
    blocks = np.split(tones(rate, 0, 0.5), [128, 129, 1500])
    found = run(
        visit(),
        """async (load, [rate, blocks]) => {
        const { Resampler } = await load("audio.js");
        const resampler = new Resampler(rate, 16000);
        return blocks.flatMap((block) =>
          [...resampler.feed(Float32Array.from(block))]); }""",
        [rate, [block.tolist() for block in blocks]],
    )
    expected = tones(16000, 0, 0.5)[: len(found)]
    assert len(found) > 0.48 * 16000
    np.testing.assert_allclose(found[200:-200], expected[200:-200], atol=2e-3)


@needs_browser
@pytest.mark.slow
def test_a_field_of_the_gates_tells_its_value(visit, serving):
    page = visit("sentiment")
    page.get_by_label("A text, such as").fill("one two three")
    found = press(page, "sentiment")
    answer = serving.gates("sentiment", {"text": ["one two three"]})
    f = np.array(answer["lstm_1_f"][0])
    order = np.argsort(-f.mean(axis=0), kind="stable")
    value = found.locator(".gates .value")
    canvas = found.locator(".gates canvas")
    expect(value).to_have_text(
        f"“one” (1 of 3), unit {order[0]}: forget gate f {f[0, order[0]]:.2f}; "
        f"mean of all units {f[0].mean():.2f}"
    )
    canvas.hover(position={"x": 64 + 48 + 20, "y": 64 + 18 + 9})
    expect(value).to_contain_text(
        f"“two” (2 of 3), unit {order[1]}: forget gate f {f[1, order[1]]:.2f}"
    )
    canvas.focus()
    for key in ("ArrowRight", "ArrowDown", "ArrowUp", "PageDown", "ArrowLeft"):
        page.keyboard.press(key)
    expect(value).to_contain_text(f"“two” (2 of 3), unit {order[4]}")
    page.keyboard.press("Home")
    page.keyboard.press("PageUp")
    expect(value).to_contain_text(f"“one” (1 of 3), unit {order[0]}")


@needs_browser
@pytest.mark.slow
def test_layer_and_gate_can_be_chosen_and_are_told_in_words(visit, serving):
    page = visit("sentiment")
    page.get_by_label("A text, such as").fill("one two three")
    found = press(page, "sentiment")
    canvas = found.locator(".gates canvas")
    before = canvas.evaluate("c => c.toDataURL()")
    found.get_by_role("combobox", name="Layer").select_option("lstm_2")
    found.get_by_role("combobox", name="Shown").select_option("cell state C")
    expect(canvas).to_have_attribute(
        "aria-label",
        re.compile(
            "cell state C of layer lstm_2 over 3 timesteps and 5 units. Mean over the "
            "units by timestep: highest at “"
        ),
    )
    assert canvas.evaluate("c => c.toDataURL()") != before
    found.get_by_text("The means of the gates as a table").click()
    f = np.array(serving.gates("sentiment", {"text": ["one two three"]})["lstm_2_f"][0])
    row = found.locator(".gates tbody tr").nth(1).inner_text().split("\t")
    assert row[:2] == ["two", f"{f[1].mean():.2f}"]


@needs_browser
@pytest.mark.slow
@pytest.mark.parametrize("backwards", [False, True])
def test_what_is_still_held_is_what_the_layer_s_memory_says(backwards, visit):
    rng = np.random.default_rng(5)
    gates = {name: rng.uniform(0, 1, (6, 4)) for name in NAMES}
    c = np.zeros(4)
    for t in range(6)[:: -1 if backwards else 1]:
        c = gates["f"][t] * c + gates["i"][t] * gates["c_tilde"][t]
        gates["c"][t] = c
    layer = "backward_lstm" if backwards else "forward_lstm"
    outputs = {f"{layer}_{name}": [value.tolist()] for name, value in gates.items()}
    outputs[f"{layer}_tokens"] = [list("abcdef")]
    found = run(
        visit(),
        """async (load, outputs) => {
        const { tracesOf } = await load("traces.js");
        const map = tracesOf(outputs)[0].map("held");
        return [...Array(6).keys()].map((row) =>
          [...Array(6).keys()].map((column) => map.value(row, column))); }""",
        outputs,
    )
    gates = Gates(*(gates[name][None] for name in NAMES), backwards=backwards)
    held = contributions(gates)
    sizes = np.abs(held).sum(axis=-1)
    np.testing.assert_allclose(
        found, sizes / sizes.sum(axis=1, keepdims=True), atol=1e-6
    )


@needs_browser
@pytest.mark.slow
def test_a_value_that_is_no_number_is_shown_as_none(visit, serving):
    """TensorFlow Serving writes NaN, which is not JSON."""
    serving.nan = True
    page = visit("sentiment")
    found = press(page, "sentiment")
    expect(found.locator(".problem")).to_have_count(0)
    found.locator(".gates canvas").focus()
    values = []
    for _ in range(5):
        values.append(found.locator(".gates .value").inner_text())
        page.keyboard.press("ArrowDown")
    assert sum("is not a number" in value for value in values) == 1


@needs_browser
@pytest.mark.slow
def test_json_with_bare_tokens_is_read_and_its_strings_are_kept(visit):
    content = (
        '{"a": [NaN, -Infinity, Infinity, 1], "b": "NaN, \\" Infinity", "c": null}'
    )
    found = run(
        visit(),
        """async (load, text) => {
        const { parse } = await load("api.js");
        const { a, b, c } = parse(text);
        return [a.map(String), b, c]; }""",
        content,
    )
    assert found == [["NaN", "-Infinity", "Infinity", "1"], 'NaN, " Infinity', None]


@needs_browser
@pytest.mark.slow
def test_the_tabs_are_worked_with_the_keyboard(visit):
    page = visit()
    page.get_by_role("tab", name="Write").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Sentiment")).to_be_focused()
    expect(panel(page, "sentiment")).to_be_visible()
    expect(panel(page, "language_modeling")).to_be_hidden()
    page.keyboard.press("End")
    expect(panel(page, "question_answering")).to_be_visible()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Write")).to_be_focused()
    assert page.url.endswith("#language_modeling")
    assert page.locator("[role=tab][tabindex='0']").count() == 1


@needs_browser
@pytest.mark.slow
def test_the_history_of_the_browser_goes_through_the_tabs(visit):
    page = visit("summarization")
    page.get_by_role("tab", name="Speech").click()
    expect(panel(page, "speech_commands")).to_be_visible()
    page.go_back()
    expect(panel(page, "summarization")).to_be_visible()


@needs_browser
@pytest.mark.slow
def test_at_the_width_of_a_phone_only_boxes_scroll_sideways(visit):
    page = visit("language_modeling", **PHONE)
    for model in TABS:
        page.get_by_role("tab", name=TABS[model]).click()
        press(page, model)
        wide = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert wide[0] <= wide[1] == 360, model
    ratio = (
        panel(page, model)
        .locator(".gates canvas")
        .evaluate("c => c.width / c.clientWidth")
    )
    assert ratio == pytest.approx(3, abs=0.02)


@needs_browser
@pytest.mark.slow
def test_in_dark_mode_page_and_map_have_other_colours(visit):
    colours = []
    for scheme in ("light", "dark"):
        page = visit("sentiment", color_scheme=scheme)
        found = press(page, "sentiment")
        found.get_by_role("combobox", name="Shown").select_option("cell state C")
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        colours.append(
            (paper, found.locator(".gates canvas").evaluate("c => c.toDataURL()"))
        )
    (light, light_map), (dark, dark_map) = colours
    assert light != dark
    assert light_map != dark_map


@needs_browser
@pytest.mark.slow
def test_every_field_and_button_has_a_name(visit):
    page = visit()
    for model in TABS:
        page.get_by_role("tab", name=TABS[model]).click()
        for role in ("button", "textbox", "slider", "spinbutton", "combobox"):
            for field in panel(page, model).get_by_role(role).all():
                snapshot = field.aria_snapshot()
                assert re.match(rf"""- '?{role} ".""", snapshot), snapshot


@needs_browser
@pytest.mark.slow
def test_a_model_that_is_not_served_names_the_commands(visit, serving):
    del serving.signatures["sentiment"]
    page = visit("sentiment", fails=True)
    said = problem(page, "sentiment")
    assert "The model sentiment is not served." in said
    assert "make run APP=sentiment" in said
    assert "make serve" in said
    expect(page.locator("#server-name")).to_have_text("this one, 4 of 5 models")
    serving.signatures["sentiment"] = dict(SIGNATURES["sentiment"])
    panel(page, "sentiment").get_by_role("button", name="Look again").click()
    expect(panel(page, "sentiment").locator(".problem")).to_have_count(0)
    press(page, "sentiment")


@needs_browser
@pytest.mark.slow
def test_on_a_server_without_a_list_each_model_is_asked_for(visit, serving):
    """TensorFlow Serving has no `GET /v1/models`."""
    serving.lists = False
    del serving.signatures["summarization"]
    page = visit("sentiment", fails=True)
    expect(page.locator("#server-name")).to_have_text("this one, 4 of 5 models")
    press(page, "sentiment")


@needs_browser
@pytest.mark.slow
@pytest.mark.parametrize(
    ("status", "said", "expected"),
    [
        (
            400,
            "input text is odd",
            "The server refused the request (400). It says: input",
        ),
        (404, "Servable not found", "The model sentiment is not served (404)."),
        (
            503,
            "still loading",
            "The server is busy, or not ready yet (503). It says: st",
        ),
        (500, "broken", "The server failed (500). It says: broken"),
        (400, 'Serving signature name: "x" not found.', "The served model lacks what"),
    ],
)
def test_a_refusal_is_told_with_what_to_do(status, said, expected, visit, serving):
    page = visit("sentiment", fails=True)
    expect(page.locator("#server-name")).to_contain_text("5 models")
    serving.failures["sentiment"] = (status, said)
    panel(page, "sentiment").get_by_role("button", name="Judge it").click()
    told = problem(page, "sentiment")
    assert told.startswith(expected)
    assert len(told.split("\n\n")[1]) > 20
    del serving.failures["sentiment"]
    found = press(page, "sentiment")
    expect(found.locator(".problem")).to_have_count(0)


@needs_browser
@pytest.mark.slow
def test_gates_that_cannot_be_had_leave_the_answer(visit, serving):
    del serving.signatures["sentiment"]["gates"]
    page = visit("sentiment", fails=True)
    found = press(page, "sentiment")
    expect(found.locator(".answer")).to_have_text(ANSWERS["sentiment"])
    assert "exported by an earlier version" in problem(page, "sentiment")


@needs_browser
@pytest.mark.slow
def test_a_model_without_the_stream_asks_for_a_new_export(visit, serving):
    del serving.signatures["language_modeling"]["stream"]
    page = visit("language_modeling")
    panel(page, "language_modeling").get_by_role("button", name="Write").click()
    assert "python -m experiments.language_modeling export" in problem(
        page, "language_modeling"
    )


@needs_browser
@pytest.mark.slow
def test_an_answer_that_is_no_json_is_told(visit):
    page = visit("sentiment")
    page.route("**/v1/models/sentiment:predict", lambda r: r.fulfill(body="<p>Hello"))
    panel(page, "sentiment").get_by_role("button", name="Judge it").click()
    assert "answered with something that is not JSON" in problem(page, "sentiment")


@needs_browser
@pytest.mark.slow
def test_a_server_that_vanishes_is_told(visit):
    page = visit("sentiment", fails=True)
    expect(page.locator("#server-name")).to_contain_text("5 models")
    page.route("**/v1/**", lambda route: route.abort())
    panel(page, "sentiment").get_by_role("button", name="Judge it").click()
    told = problem(page, "sentiment")
    assert told.startswith("No answer from http://127.0.0.1:")
    assert "make serve" in told


@needs_browser
@pytest.mark.slow
def test_the_address_of_another_server_is_used_and_kept(visit, serving):
    serving.policy = "default-src 'self'; connect-src *"
    with running() as other:
        other.cors, other.lists = True, False
        page = visit("sentiment", fails=True, server=other.address)
        expect(page.locator("#server-name")).to_have_text(
            f"{other.address}, 5 of 5 models"
        )
        found = press(page, "sentiment")
        expect(found.locator(".answer")).to_have_text(ANSWERS["sentiment"])
        assert serving.asked == []
        assert [name for _, name, _ in other.asked] == ["serving_default", "gates"]


@needs_browser
@pytest.mark.slow
def test_the_field_for_the_address_changes_the_server(visit, serving):
    serving.policy = "default-src 'self'; connect-src *"
    with running() as other:
        other.cors = True
        page = visit("sentiment", fails=True, may_ask=other.address)
        page.locator("#settings summary").click()
        field = page.get_by_label("Address of another server")
        field.fill("localhost")
        page.get_by_role("button", name="Use it").click()
        expect(page.locator("#settings .state")).to_contain_text("begins with http://")
        field.fill(other.address)
        page.get_by_role("button", name="Use it").click()
        expect(page.locator("#server-name")).to_contain_text(other.address)
        assert "?server=http" in page.url
        assert page.url.endswith("#sentiment")
        press(page, "sentiment")
        assert serving.asked == []
        field.fill("")
        page.get_by_role("button", name="Use it").click()
        expect(page.locator("#server-name")).to_contain_text("this one")
        press(page, "sentiment")
        assert serving.asked != []


@needs_browser
@pytest.mark.slow
def test_a_server_that_lets_no_other_page_in_is_told(visit, serving):
    serving.policy = "default-src 'self'; connect-src *"
    with running() as other:
        page = visit("sentiment", fails=True, server=other.address)
        told = page.locator("#notice")
        expect(told).to_contain_text(f"No answer from {other.address}.")
        expect(told).to_contain_text("--rest_api_enable_cors_support=true")
        expect(told).to_contain_text("--cors")
        other.cors = True
        told.get_by_role("button", name="Look again").click()
        expect(told).to_be_empty()
