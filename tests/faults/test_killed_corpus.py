"""A large text is encoded by processes that are killed, one after the other."""

import pytest

from apps.language_modeling.config import DataConfig
from apps.language_modeling.data import load_data
from tests.apps.language_modeling.together import (
    SPLITS,
    assert_equal,
    corpus_of,
    lines,
    load_together,
    sizes,
)
from tests.faults.killing import killed

pytestmark = pytest.mark.slow

PROGRAM = """
from apps.language_modeling.config import DataConfig
from tests.apps.language_modeling.together import load_together, sizes
config = DataConfig(dataset="files", file={file!r}, min_count=1)
with sizes():
    load_together(config, {directory!r}, 1)
"""


def test_a_text_whose_encoding_is_killed_has_the_ids_of_an_undisturbed_one(tmp_path):
    """The kills come while parts are numbered, counted and replaced by ids."""
    path, directory = tmp_path / "book.txt", tmp_path / "corpora"
    path.write_text("".join(lines(150)))
    program = PROGRAM.format(file=str(path), directory=str(directory))
    done = []
    for is_after in (False, True, False):
        assert killed(program, "os.replace", 8, is_after)
        done.append(len([*corpus_of(directory).glob("[!.]*")]))
        assert bool([*corpus_of(directory).glob(".*")]) == (not is_after)
    assert done[0] == 7
    assert done[1] == 15
    assert not (corpus_of(directory) / "corpus.json").exists()
    config = DataConfig(dataset="files", file=str(path), min_count=1)
    with sizes():
        (data,) = load_together(config, directory, 1)
        assert_equal(data, load_data(config, SPLITS))
    assert not [*corpus_of(directory).glob(".*")]
