"""What the page gives to a model's graphs, and makes of their outputs; no browser."""

import pytest

from tests.serving.node import needs_node, run_node

pytestmark = needs_node
ASKED = """async (load, [app, description, signature, inputs, outputs]) => {
    const { signatures } = await load(`local/${app}.js`);
    const { Vocabulary } = await load("local/text.js");
    const { tensor } = await load("local/tensors.js");
    const given = [];
    const { vocabulary, ...rest } = description;
    const own = signatures({
      ...rest, vocabulary: vocabulary && new Vocabulary(vocabulary.join("\\n")),
      run: async (graph, inputs, record) => {
        given.push(Object.fromEntries(Object.entries(inputs).map(([name, array]) =>
          [name, { data: Array.from(array.data), dims: array.dims }])));
        return Object.fromEntries(Object.entries(outputs).map(([name, dims]) =>
          [name, tensor("float32",
            new Float32Array(dims.reduce((a, b) => a * b, 1)).fill(0.5), dims)]));
      },
    });
    return [given, await own[signature].call(inputs)]; }"""
QUESTIONS = {
    "settings": {"reads": "passages", "sentences": 3, "longest_answer": 15},
    "vocabulary": ["<pad>", "<unk>", "is", "anna"],
    "labels": ["garden", "office"],
}
STORIES = {**QUESTIONS, "settings": {**QUESTIONS["settings"], "reads": "stories"}}
SPEECH = {
    "settings": {
        **{"sample_rate_hz": 100, "clip_ms": 100, "window_ms": 40.0, "hop_ms": 20.0},
        **{"mel_bands": 3, "pooling": "max", "streams": True, "threshold": 0.7},
        **{"smoothing_ms": 100, "pause_ms": 400},
    },
    "labels": ["_silence_", "yes"],
    "graphs": {
        "speech_commands": {"inputs": {"features": {}, "h_1": {"shape": [None, 2]}}}
    },
}


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """Calls a signature; returns the inputs of its graph, and its outputs."""
    directory = tmp_path_factory.mktemp("node")
    return lambda *arguments: run_node(directory, ASKED, arguments)


def test_equal_unknown_words_have_equal_ids_and_others_not(asked):
    texts = {"context": ["anna is xyz qrs xyz"], "question": ["qrs is <unk> xyz"]}
    ((given,), answer) = asked(
        *("question_answering", QUESTIONS, "serving_default", texts),
        {"logits": [1, 2, 5]},
    )
    assert given["context"]["data"] == [3, 2, 4, 5, 4]
    unknown = [5, 2, *given["question"]["data"][2:5], 4]
    assert given["question"]["data"] == unknown
    assert len({4, 5, *unknown[2:5]}) == 5  # <, unk and > are three more words
    assert answer["answer"] == ["anna"]


def test_the_last_sentences_of_a_story_are_read_and_padded(asked):
    texts = {"context": ["a. b. anna is. anna"], "question": ["is"]}
    (given,), answer = asked(
        *("question_answering", STORIES, "serving_default", texts), {"logits": [1, 2]}
    )
    assert given["context"] == {"data": [4, 0, 3, 2, 3, 0], "dims": [1, 3, 2]}
    assert answer == {"answer": ["garden"], "score": [0.5]}


def test_an_empty_story_has_the_gates_of_one_sentence(asked):
    texts = {"context": [" "], "question": ["is"]}
    outputs = {"forward_story_1_gates": [1, 1, 12], "sentence_reader_gates": [1, 1, 12]}
    _, gates = asked("question_answering", STORIES, "gates", texts, outputs)
    assert gates["forward_story_1_tokens"] == [["<unk>"]]
    assert gates["forward_story_1_c"] == [[[0.5, 0.5]]]
    assert not any(name.startswith("sentence_reader") for name in gates)


def test_a_chunk_of_sound_goes_on_from_the_state_before(asked):
    state = {"audio": [[0.5, -0.5]], "scores": [[[1.0, 3.0]] * 4], "h_1": [[0.25, 2.0]]}
    inputs = {"samples": [[0.1, 0.2, 0.3, 0.4]], **state}
    outputs = {"frame_logits": [1, 2, 2], "next_h_1": [1, 2]}
    (given,), answer = asked("speech_commands", SPEECH, "stream", inputs, outputs)
    assert given["h_1"] == {"data": [0.25, 2.0], "dims": [1, 2]}
    assert given["features"]["dims"] == [1, 2, 3]
    assert answer["audio"] == [[0.3, 0.4]]
    assert answer["h_1"] == [[0.5, 0.5]]
    assert answer["scores"][0][:2] == [[1.0, 3.0]] * 2
    scores = [1.6487212707, 3.0]  # the exponential of 0.5 is above 1, and below 3
    for posteriors in answer["posteriors"][0]:
        assert posteriors == pytest.approx([score / sum(scores) for score in scores])
    settings = ("threshold", "smoothing_ms", "pause_ms", "hop", "sample_rate_hz")
    assert [answer[name] for name in settings] == [[0.7], [100], [400], [2], [100]]
