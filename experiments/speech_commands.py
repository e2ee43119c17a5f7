"""Speech command recognition: which word is in a clip, and when in a stream?"""

import base64
import io
import math

from apps.common.portable.run_files import EXPLANATIONS
from experiments.asking import answer_row, sample
from experiments.run import main
from experiments.task import Task

NAMES = {"_silence_": "silence", "_unknown_": "another word"}


def first_files(predictor):
    """Writes two clips of the validation split as files; returns their paths."""
    import soundfile

    from apps.speech_commands.data import load_data, measured

    data = load_data(predictor.config.data, ("validation",), predictor.labels)
    clips, cut, files = data.validation, slice(0, 2), []
    for number, wave in enumerate(measured(clips, cut, clips.snr_db[cut]), 1):
        files.append(predictor.directory / EXPLANATIONS / f"clip_{number}.wav")
        files[-1].parent.mkdir(exist_ok=True)
        soundfile.write(files[-1], wave, predictor.config.data.sample_rate_hz)
    return files


def ask(answers):
    """Returns the rows of test clips, with the sounds; see `Task.ask`."""
    from apps.speech_commands.data import load_data, measured

    clips = load_data(answers.config.data, ("test",), answers.labels).test
    chosen = sample(len(clips.labels))
    waves = measured(clips, chosen, clips.snr_db[chosen])
    outputs = answers.answer(waves)
    rows = []
    for place, n in enumerate(chosen):
        heard = outputs["label"][place].decode()
        expected = answers.labels[clips.labels[n]]
        probability = outputs["probabilities"][place].max()
        rows.append(
            answer_row(
                _description(clips.names[n], clips.snr_db[n]),
                f"{NAMES.get(heard, heard)}, {probability:.0%}",
                expected=NAMES.get(expected, expected),
                right=heard == expected,
                sound=_wav(waves[place], answers.config.data.sample_rate_hz),
            )
        )
    return rows


def _description(name, snr_db):
    """Returns word and voice of a synthetic clip, and the noise of the evaluation."""
    noise = f", noise at {snr_db:.0f} dB" if math.isfinite(snr_db) else ""
    return f"{name.replace(' ', ', voice ', 1)}{noise}"


def _wav(wave, sample_rate_hz):
    """Returns a waveform as a WAV file in base64."""
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, wave, sample_rate_hz, format="WAV")
    return base64.b64encode(file.getvalue()).decode()


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
    ask=ask,
    explain_inputs=first_files,
    obstacle=obstacle,
    fold="held_out_speaker",
)

if __name__ == "__main__":
    main(TASK)
