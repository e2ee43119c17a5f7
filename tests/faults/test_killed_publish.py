"""A killed publish leaves no incomplete version, and the next publish works."""

import itertools
import subprocess
import sys

import pytest

from apps.common.portable.versions import versions
from serving.exports import APP
from serving.publish import CONFIG, publish, roll_back
from tests.faults.killing import ROOT, content, killed, run

MOMENTS = ("os.rename", "os.replace", "shutil.copyfile", "os.unlink", "os.rmdir")


@pytest.fixture
def export(tmp_path):
    """Writes an export whose files contain a number."""

    def write(number):
        version = tmp_path / "tiny" / "export" / "tiny" / "1"
        (version / "variables").mkdir(parents=True, exist_ok=True)
        for name in ("saved_model.pb", "variables/index", "variables/data"):
            (version / name).write_text(f"{name} of {number}" * 100)
        return version

    return write


def is_complete(version):
    """Returns whether all files of a version come from the same export."""
    files = content(version)
    return any(
        files
        == {
            name: f"{name} of {number}".encode() * 100
            for name in ("saved_model.pb", "variables/index", "variables/data")
        }
        for number in range(1, 5)
    )


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_publish_killed_at_any_call_leaves_whole_versions(
    moment, after, export, tmp_path
):
    models = tmp_path / "models"
    for number in (1, 2):
        export(number)
        publish(tmp_path / "tiny", models)
    program = f"from serving.publish import publish\npublish({str(tmp_path / 'tiny')!r}"
    for call in itertools.count(1):
        source = export(3)
        known = versions(models / "tiny")
        was_killed = killed(
            f"{program}, {str(models)!r}, keep=2)", moment, call, after, str(models)
        )
        numbers = versions(models / "tiny")
        assert numbers[-1] in (known[-1], known[-1] + 1)
        assert len(numbers) >= 2
        assert all(is_complete(models / "tiny" / str(number)) for number in numbers)
        if not was_killed:
            break
        assert (models / CONFIG).read_text().count("tiny") == 2
        path = publish(tmp_path / "tiny", models, keep=2)
        assert content(path) == content(source)
        left = {path.name for path in (models / "tiny").iterdir()}
        assert left == {APP, *map(str, versions(models / "tiny"))}
        assert len(left) == 3
    assert call > 1


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_rollback_that_is_killed_is_done_or_not_begun(after, export, tmp_path):
    models = tmp_path / "models"
    for number in (1, 2, 3):
        export(number)
        publish(tmp_path / "tiny", models)
    program = "from serving.publish import roll_back\n"
    assert killed(
        f"{program}roll_back('tiny', {str(models)!r})", "os.rename", after=after
    )
    assert versions(models / "tiny") == ([1, 2] if after else [1, 2, 3])
    roll_back("tiny", models)
    assert publish(tmp_path / "tiny", models).name == "4"
    assert all(is_complete(models / "tiny" / str(n)) for n in versions(models / "tiny"))


def test_two_publishes_at_once_get_two_numbers(export, tmp_path):
    """Each publish waits until the one before has finished copying."""
    export(1)
    models = tmp_path / "models"
    program = f"""
import shutil, time
copy = shutil.copyfile
def slowly(*arguments, **options):
    time.sleep(0.1)
    return copy(*arguments, **options)
shutil.copyfile = slowly
from serving.publish import publish
print(publish({str(tmp_path / "tiny")!r}, {str(models)!r}).name)
"""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", program],
            stdout=subprocess.PIPE,
            text=True,
            env={"PYTHONPATH": str(ROOT)},
        )
        for _ in range(3)
    ]
    assert sorted(p.communicate(timeout=60)[0].strip() for p in started) == [*"123"]
    assert all(is_complete(models / "tiny" / number) for number in "123")


def test_a_publish_to_a_disk_that_is_full_is_one_line(export, tmp_path):
    """A limit on the size of files causes the same kind of error as a full disk."""
    export(1)
    models = tmp_path / "models"
    publish(tmp_path / "tiny", models)
    before = content(models)
    process = run(f"""
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
from serving.publish import main
main([{str(tmp_path / "tiny")!r}, "--models", {str(models)!r}])
""")
    assert process.returncode == 1
    assert process.stderr.startswith("Error: ")
    assert "File too large" in process.stderr
    assert process.stderr.count("\n") == 1
    assert content(models) == before
