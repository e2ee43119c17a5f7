"""Damaged data files raise an error of one line."""

import pytest

from apps.language_modeling.config import DataConfig
from apps.language_modeling.data import load_data


@pytest.mark.parametrize("name", ["ptb.train.txt", "ptb.valid.txt", "ptb.test.txt"])
def test_an_empty_file_of_the_penn_treebank_is_one_line(name, tmp_path):
    for file in ("ptb.train.txt", "ptb.valid.txt", "ptb.test.txt"):
        (tmp_path / file).write_text("" if file == name else " the cat <unk> \n" * 9)
    with pytest.raises(ValueError, match=f"{name}: the file is empty") as caught:
        load_data(DataConfig(dataset="ptb", tokens="spaces", directory=str(tmp_path)))
    assert "\n" not in str(caught.value)
