"""Speech command recognition: which word is in a clip, and when in a stream?"""

from experiments.run import Task, main


def first_clips(directory):
    """Returns the names and the waveforms of two clips of the validation split."""
    from apps.speech_commands.data import load_data, measured
    from apps.speech_commands.evaluate import load_run

    config, _, labels, _ = load_run(directory)
    clips = load_data(config.data, ("validation",), labels).validation
    cut = slice(0, 2)
    return clips.names[cut], measured(clips, cut, clips.snr_db[cut])


TASK = Task(
    name="speech_commands",
    summary=__doc__,
    default_recipe="synthetic",
    headline=("accuracy", "f1"),
    questions=("recording.wav",),
    asked=first_clips,
    fold="held_out_speaker",
)

if __name__ == "__main__":
    main(TASK)
