"""Adds noise to speech at a given signal-to-noise ratio."""

import tensorflow as tf

from lstm_layer.xla import compiled


def noise_places(rng, count, noise, samples):
    """Draws the noise of each of `count` clips, and its first sample in that noise."""
    rows = rng.integers(len(noise), size=count)
    return rows, rng.integers(noise.shape[1] - samples + 1, size=count)


def add_noise(speech, noise, snr_db, places):
    """Adds a stretch of noise to each clip.

    The signal-to-noise ratio compares the mean powers over the clip; digital silence
    gets no noise. A sum that exceeds -1 to 1 is scaled down.

    Args:
        speech: float32 `(clips, samples)`.
        noise: float32 `(noises, at least samples)`.
        snr_db: Signal-to-noise ratio of each clip in dB, `(clips,)`; infinity adds no
            noise.
        places: Noises and first samples of `noise_places`.

    Returns:
        float32 `(clips, samples)`.
    """
    # Two programs: in one, XLA computes the stretches again for each sum over them.
    number, begin = (tf.cast(place, "int32") for place in places)
    speech = tf.convert_to_tensor(speech)
    stretches = _stretches(tf.convert_to_tensor(noise), number, begin, speech)
    return _mixed(speech, stretches, tf.cast(snr_db, "float32"))


@compiled
def _stretches(noise, number, begin, like):
    first = number * tf.shape(noise)[1] + begin
    index = first[:, tf.newaxis] + tf.range(tf.shape(like)[1])
    return tf.gather(tf.reshape(noise, [-1]), index)


@compiled
def _mixed(speech, noise, snr_db):
    power, noise_power = (tf.reduce_sum(x * x, axis=1) for x in (speech, noise))
    wanted = power * 10 ** (-snr_db / 10)
    factor = tf.sqrt(wanted / tf.maximum(noise_power, 1e-9))
    mixed = speech + noise * factor[:, tf.newaxis]
    peak = tf.reduce_max(tf.abs(mixed), axis=1, keepdims=True)
    return mixed / tf.maximum(peak, 1)
