"""Speech command recognition: which word is in a clip, and when in a stream?"""

from apps.common.portable.run_files import EXPLANATIONS
from experiments.run import main
from experiments.task import Task


def first_clips(predictor):
    """Returns the names and the waveforms of two clips of the validation split."""
    from apps.speech_commands.data import load_data, measured

    data = load_data(predictor.config.data, ("validation",), predictor.labels)
    clips = data.validation
    cut = slice(0, 2)
    return clips.names[cut], measured(clips, cut, clips.snr_db[cut])


def first_files(predictor):
    """Writes the same clips into the run directory; returns their paths."""
    import soundfile

    files = []
    for number, wave in enumerate(first_clips(predictor)[1], 1):
        files.append(predictor.directory / EXPLANATIONS / f"clip_{number}.wav")
        files[-1].parent.mkdir(exist_ok=True)
        soundfile.write(files[-1], wave, predictor.config.data.sample_rate_hz)
    return files


def obstacle(config):
    """Returns why there cannot be a synthetic corpus on this machine, or None."""
    from apps.speech_commands.synthesis.espeak import check_platform

    if config.data.dataset != "synthetic":
        return None
    try:
        check_platform()
    except ValueError as error:
        from apps.speech_commands.synthesis.corpus import cached_at  # and TensorFlow

        return None if cached_at().is_dir() else str(error)
    return None


TASK = Task(
    name="speech_commands",
    summary=__doc__,
    default_recipe="synthetic",
    headline=("accuracy", "f1"),
    questions=("recording.wav",),
    example_inputs=first_clips,
    explain_inputs=first_files,
    obstacle=obstacle,
    fold="held_out_speaker",
)

if __name__ == "__main__":
    main(TASK)
