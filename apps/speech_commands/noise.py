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
        The sum, float32 `(clips, samples)`, and the factor of the noise in it,
        `(clips,)`.
    """
    # Two programs: in one, XLA computes the stretches again for each sum over them.
    speech = tf.convert_to_tensor(speech)
    return _mixed(speech, stretches(noise, places, speech), tf.cast(snr_db, "float32"))


def stretches(noise, places, like):
    """Returns noise from a first sample on, as long as `like`; it repeats endlessly.

    Args:
        noise: float32 `(noises, samples)`.
        places: Noises and first samples, each `(clips,)`.
        like: `(clips, samples)`.
    """
    number, begin = (tf.cast(place, "int32") for place in places)
    return _stretches(tf.convert_to_tensor(noise), number, begin, like)


@compiled
def _stretches(noise, number, begin, like):
    length = tf.shape(noise)[1]
    index = (begin[:, tf.newaxis] + tf.range(tf.shape(like)[1])) % length
    index += (number * length)[:, tf.newaxis]
    return tf.gather(tf.reshape(noise, [-1]), index)


@compiled
def _mixed(speech, noise, snr_db):
    power, noise_power = (tf.reduce_sum(x * x, axis=1) for x in (speech, noise))
    wanted = power * 10 ** (-snr_db / 10)
    factor = tf.sqrt(wanted / tf.maximum(noise_power, 1e-9))
    mixed = speech + noise * factor[:, tf.newaxis]
    peak = tf.maximum(tf.reduce_max(tf.abs(mixed), axis=1), 1)
    return mixed / peak[:, tf.newaxis], factor / peak
