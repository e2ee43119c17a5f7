"""Publishing is atomic, removes old versions, and can be rolled back."""

import pytest
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from apps.common.portable.versions import versions
from serving.exports import find_exports
from serving.publish import CONFIG, main, publish, roll_back


@pytest.fixture
def run(tmp_path):
    run = tmp_path / "sentiment" / "movie_snippets" / "seed-1"
    version = run / "export" / "sentiment" / "1"
    (version / "variables").mkdir(parents=True)
    (version / "saved_model.pb").write_bytes(b"graph")
    (version / "variables" / "variables.index").write_bytes(b"weights")
    return run


@pytest.fixture
def models(tmp_path):
    return tmp_path / "models"


def files(directory):
    return sorted(
        str(path.relative_to(directory))
        for path in directory.rglob("*")
        if path.is_file()
    )


def test_versions_are_counted_and_the_last_ones_kept(run, models):
    for number in range(1, 6):
        path = publish(run, models, keep=2)
        assert path == models / "sentiment" / str(number)
        assert files(path) == ["saved_model.pb", "variables/variables.index"]
    assert versions(models / "sentiment") == [4, 5]
    assert sorted(p.name for p in (models / "sentiment").iterdir()) == [
        ".app",
        "4",
        "5",
    ]


def test_the_run_stays_as_it_is(run, models):
    before = files(run)
    publish(run, models)
    assert files(run) == before


def test_of_several_exports_the_newest_is_taken(run, models):
    for number in ("2", "10"):
        newer = run / "export" / "sentiment" / number
        newer.mkdir()
        (newer / "saved_model.pb").write_text(number)
    assert (publish(run, models) / "saved_model.pb").read_text() == "10"


def test_a_publish_that_fails_leaves_what_was_there(run, models, monkeypatch):
    publish(run, models)
    copytree = "serving.publish.shutil.copytree"

    def full(source, target):
        target.mkdir()
        (target / "saved_model.pb").write_bytes(b"gra")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(copytree, full)
    with pytest.raises(OSError, match="No space"):
        publish(run, models)
    assert sorted(p.name for p in (models / "sentiment").iterdir()) == [".app", "1"]


def test_what_a_killed_publish_left_is_no_version_and_goes(run, models):
    left = models / "sentiment" / ".1"
    left.mkdir(parents=True)
    (left / "half").write_bytes(b"")
    assert versions(models / "sentiment") == []
    assert files(publish(run, models)) == [
        "saved_model.pb",
        "variables/variables.index",
    ]
    assert not left.exists()


def test_a_number_taken_back_is_not_given_again(run, models):
    publish(run, models)
    publish(run, models)
    assert roll_back("sentiment", models) == models / "sentiment" / "1"
    assert versions(models / "sentiment") == [1]
    assert publish(run, models).name == "3"


@pytest.mark.parametrize("count", [0, 1])
def test_rolling_back_needs_a_version_before(run, models, count):
    for _ in range(count):
        publish(run, models)
    with pytest.raises(ValueError, match="needs two"):
        roll_back("sentiment", models)
    assert len(versions(models / "sentiment")) == count


def test_the_list_of_models_is_what_the_server_reads(run, models):
    publish(run, models, name="speech_commands")
    publish(run, models)
    config = model_server_config_pb2.ModelServerConfig()
    text_format.Parse((models / CONFIG).read_text(), config)
    listed = [(c.name, c.base_path) for c in config.model_config_list.config]
    names = ("sentiment", "speech_commands")
    assert listed == [(name, f"/models/{name}") for name in names]


def test_a_run_of_its_own_directory_is_published_under_the_name_of_that(run, models):
    own = run.rename(run.parents[2] / "my-reviews")
    assert publish(own, models) == models / "my-reviews" / "1"
    assert publish(own, models, name="sentiment") == models / "sentiment" / "1"


def test_a_model_of_another_app_is_not_published_over_one(run, models, capsys):
    main([str(run), "--models", str(models)])
    main([str(run), "--models", str(models)])
    first, second = capsys.readouterr().out.splitlines()
    assert first == f"Published: {models}/sentiment/1, a new model"
    assert second == f"Published: {models}/sentiment/2"
    other = run.parents[1] / "mine"
    (other / "export").mkdir(parents=True)
    run = run.rename(run.with_name("own"))
    (run / "export" / "sentiment").rename(other / "export" / "summarization")
    with pytest.raises(ValueError, match="are models of sentiment"):
        publish(other, models, name="sentiment")
    assert versions(models / "sentiment") == [1, 2]
    assert publish(other, models) == models / "mine" / "1"
    (found,) = find_exports([f"x={models / 'mine'}"])["x"]
    assert found.app == "summarization"


def test_the_server_loads_the_version_before_as_well(run, models):
    publish(run, models)
    config = model_server_config_pb2.ModelServerConfig()
    text_format.Parse((models / CONFIG).read_text(), config)
    (listed,) = config.model_config_list.config
    assert listed.model_version_policy.WhichOneof("policy_choice") == "latest"
    assert listed.model_version_policy.latest.num_versions == 2


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["nowhere"], "it has no export"),
        (["RUN", "--keep", "0"], "1 or more"),
        (["RUN", "--name", 'a"b'], 'Received: a"b. Give one with --name.'),
        (["--rollback", "x", "--name", "y"], "--name: --rollback has no use for it"),
        (["--rollback", "x", "--keep", "2"], "--keep: --rollback has no use for it"),
        (["--rollback", "sentimant"], "sentimant: a rollback needs two versions"),
    ],
)
def test_mistakes_are_told_in_one_line(words, expected, run, models, capsys):
    words = [str(run) if word == "RUN" else word for word in words]
    with pytest.raises(SystemExit) as stopped:
        main([*words, "--models", str(models)])
    assert stopped.value.code == 2
    error = capsys.readouterr().err
    assert expected in error
    assert error.count("\n") == 1
