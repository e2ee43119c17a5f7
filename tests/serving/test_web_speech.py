"""The tab Speech detects words in files and from the microphone."""

import re
import wave

import numpy as np
import pytest
from playwright.sync_api import expect

from apps.common.portable.detector import Listener
from tests.serving.web_browser import needs_browser, panel, problem, run
from tests.serving.web_fixtures import HOP, LABELS, RATE_HZ, WEB


def write_wav(path, samples, rate, channels=1):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        pcm = np.round(np.repeat(samples, channels) * 32767).astype("<i2")
        file.writeframes(pcm.tobytes())
    return path


def tones(rate, *seconds):
    """Returns alternating pauses and tones with the given lengths."""
    parts = []
    for number, length in enumerate(seconds):
        time = np.arange(int(length * rate)) / rate
        parts.append(0.3 * (number % 2) * np.sin(2 * np.pi * 440 * time))
    return np.concatenate(parts)


def test_the_example_is_sound_of_the_default_model_s_rate():
    with wave.open(str(WEB / "example.wav")) as file:
        assert (file.getframerate(), file.getnchannels()) == (16000, 1)
        assert file.getnframes() < 5 * 16000


@needs_browser
@pytest.mark.slow
def test_words_of_a_recording_are_heard_at_their_times(visit, serving, tmp_path):
    """The file has two channels and a different sample rate."""
    sound = tones(44100, 1.0, 0.6, 1.0, 0.6, 1.0)
    path = write_wav(tmp_path / "two.wav", sound, 44100, channels=2)
    page = visit("speech_commands")
    tab = panel(page, "speech_commands")
    expect(tab.locator(".words-known")).to_have_text("It listens for: no, yes.")
    tab.locator("input[type=file]").set_input_files(path)
    expect(tab.locator(".result .state")).to_have_text("2 words heard in 4.2 seconds.")
    times = [
        float(re.search(r"yes at ([\d.]+) s", item).group(1))
        for item in tab.locator(".detections li").all_inner_texts()
    ]
    assert times == pytest.approx([1.18, 2.78], abs=0.04)
    expect(tab.locator(".plot canvas")).to_have_attribute(
        "aria-label", re.compile("Heard: yes, yes")
    )
    expect(tab.locator(".gates .of")).to_have_text("The second before “yes” was heard.")
    assert serving.requests[0][1:] == (
        "stream",
        {
            "samples": [[]],
            "audio": [[0] * 160],
            "scores": [[[0] * len(LABELS)] * 3],
            "h_1": [[0] * 4],
        },
    )
    states = [
        inputs["h_1"][0][0] for _, name, inputs in serving.requests if name == "stream"
    ]
    assert states[2:] == list(range(len(states) - 2))  # each call sends the last state
    waveforms = [i["waveform"] for _, name, i in serving.requests if name == "gates"]
    assert {len(one[0]) for one in waveforms} == {RATE_HZ}
    # The waveform ends at the detection: 0.18 seconds of the word after silence.
    loud = np.flatnonzero(np.abs(waveforms[-1][0]) > 0.01)
    assert RATE_HZ - loud[0] == pytest.approx(0.18 * RATE_HZ, abs=0.04 * RATE_HZ)


@needs_browser
@pytest.mark.slow
def test_the_line_of_each_word_has_the_colour_beside_its_name(visit):
    lines, names = run(
        visit(),
        """async (load, labels) => {
        const { Plot } = await load("plot.js");
        const box = document.createElement("div");
        document.body.append(box);
        const plot = new Plot(box);
        plot.clear(labels, 0.5);
        const down = labels.map((_, n) => 30 * (n + 1)); // of 146 pixels
        plot.add(Array(8).fill(down.map((y) => 1 - y / 146)), []);
        plot.draw();
        const canvas = box.querySelector("canvas");
        const { data } = canvas.getContext("2d").getImageData(
          canvas.width / 2, 22, 1, 146);
        const beside = (name) => getComputedStyle(name, "::before").backgroundColor;
        return [down.map((y) => [...data.slice(4 * y, 4 * y + 3)]),
          [...box.querySelectorAll("li")].map(beside)]; }""",
        ["no", "on", "yes", "_silence_"],
    )
    names = [tuple(map(int, re.findall(r"\d+", name)[:3])) for name in names]
    assert len(set(names)) == 4
    for line, name in zip(lines[:3], names[:3], strict=True):
        assert line == pytest.approx(name, abs=2)


@needs_browser
@pytest.mark.slow
def test_what_is_no_sound_is_told(visit, tmp_path):
    path = tmp_path / "notes.wav"
    path.write_text("no sound")
    page = visit("speech_commands")
    panel(page, "speech_commands").locator("input[type=file]").set_input_files(path)
    assert problem(page, "speech_commands").startswith(
        "notes.wav is not audio that this browser can read."
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
    tab = panel(page, "speech_commands")
    tab.get_by_role("button", name="Listen").click()
    expect(tab.locator(".result .state")).to_have_text("Listening. Say a word.")
    page.wait_for_timeout(2500)
    tab.get_by_role("button", name="Stop").click()
    expect(tab.locator(".result .state")).to_contain_text("heard in")
    expect(tab.get_by_role("button", name="Stop")).to_be_disabled()
    expect(tab.locator(".gates")).to_be_visible()
    chunks = [
        len(inputs["samples"][0])
        for _, name, inputs in serving.requests
        if name == "stream"
    ]
    assert sum(chunks) > RATE_HZ
    assert {length % HOP for length in chunks} == {0}
    count = len(serving.requests)
    page.wait_for_timeout(400)
    assert len(serving.requests) == count


@needs_browser
@pytest.mark.slow
def test_whoever_leaves_the_tab_is_listened_to_no_longer(visit, serving):
    page = visit("speech_commands", permissions=["microphone"])
    tab = panel(page, "speech_commands")
    tab.get_by_role("button", name="Listen").click()
    expect(tab.locator(".result .state")).to_have_text("Listening. Say a word.")
    page.get_by_role("tab", name="Write").click()
    page.get_by_role("tab", name="Speech").click()
    expect(tab.locator(".result .state")).to_contain_text("heard in")


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
            "The browser allows no page at this address to use the microphone.",
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
    tab = panel(page, "speech_commands")
    tab.get_by_role("button", name="Listen").click()
    page.wait_for_timeout(1500)
    tab.get_by_role("button", name="Stop").click()
    expect(tab.locator(".result .state")).to_contain_text("heard in")
    assert (
        sum(len(i["samples"][0]) for _, n, i in serving.requests if n == "stream") > HOP
    )


@needs_browser
@pytest.mark.slow
def test_a_model_that_needs_whole_clips_gets_one(visit, serving, tmp_path):
    del serving.signatures["speech_commands"]["stream"]
    path = write_wav(tmp_path / "one.wav", tones(16000, 0.5, 0.5), 16000)
    page = visit("speech_commands")
    tab = panel(page, "speech_commands")
    expect(tab.locator(".words-known")).to_contain_text("This model reads whole clips")
    tab.locator("input[type=file]").set_input_files(path)
    expect(tab.locator(".result .state")).to_have_text("yes (90 %)")
    expect(tab.locator(".gates")).to_be_visible()


@needs_browser
@pytest.mark.slow
def test_the_page_hears_what_the_package_hears(visit):
    """The detectors in Python and in JavaScript give the same detections."""
    rng = np.random.default_rng(3)
    labels = ["_silence_", "_unknown_", "no", "on", "yes"]
    lengths = rng.integers(8, 24, size=200)  # about the pause after a word
    logits = np.repeat(rng.normal(size=(200, len(labels))) * 9, lengths, axis=0)
    posteriors = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    listener = Listener(labels, 0.02)
    expected = [listener.feed(part) for part in np.split(posteriors, [1, 7, 300])]
    answers = run(
        visit(),
        """async (load, [labels, parts]) => {
        const { Listener } = await load("detector.js");
        const listener = new Listener(labels, 0.02);
        return parts.map((part) => listener.feed(part)); }""",
        [labels, [part.tolist() for part in np.split(posteriors, [1, 7, 300])]],
    )
    num_detections = 0
    for one, (smoothed, detections) in zip(answers, expected, strict=True):
        np.testing.assert_allclose(one["smoothed"], smoothed, atol=1e-9)
        assert [d["word"] for d in one["detections"]] == [d.word for d in detections]
        times = [d["timeS"] for d in one["detections"]]
        assert times == pytest.approx([d.time_s for d in detections])
        num_detections += len(detections)
    assert num_detections > 50


@needs_browser
@pytest.mark.slow
@pytest.mark.parametrize("rate", [48000, 44100, 8000, 16000])
def test_a_resampled_tone_is_the_tone_whatever_the_blocks(rate, visit):
    blocks = np.split(tones(rate, 0, 0.5), [128, 129, 1500])
    samples = run(
        visit(),
        """async (load, [rate, blocks]) => {
        const { Resampler } = await load("audio.js");
        const resampler = new Resampler(rate, 16000);
        return blocks.flatMap((block) =>
          [...resampler.feed(Float32Array.from(block))]); }""",
        [rate, [block.tolist() for block in blocks]],
    )
    expected = tones(16000, 0, 0.5)[: len(samples)]
    assert len(samples) > 0.48 * 16000
    np.testing.assert_allclose(samples[200:-200], expected[200:-200], atol=2e-3)
