"""Draws the random numbers of `tf.random.stateless_uniform`, bit for bit.

TensorFlow draws them by Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as
easy as 1, 2, 3"): ten rounds of a cipher turn a counter of four 32-bit words into four
random words. TensorFlow first encrypts the seed itself (`GenerateKey` in its
stateless_random_ops.cc); the result is the key and the upper half of the counter.
"""

import numpy as np

ROUNDS = 10
MULTIPLIERS = np.array([[0xD2511F53], [0xCD9E8D57]], "uint64")
KEY_STEPS = np.array([[0x9E3779B9], [0xBB67AE85]], "uint64")
SEED_KEY = np.array([[0x3EC8F720], [0x02461E29]], "uint64")
LOW, HALF = np.uint64(0xFFFFFFFF), np.uint64(32)
LOWEST = np.float32(1e-7)  # above 0, so that its logarithm is finite


def uniform(size, seed):
    """Returns `tf.random.stateless_uniform([size], seed, 1e-7, 1.0)` of a CPU.

    >>> [f"{number:.4f}" for number in uniform(2, (1, 2))]
    ['0.8441', '0.1920']

    Args:
        size: Number of random numbers.
        seed: Two signed integers of at most 64 bits.

    Returns:
        float32 `(size,)`, from 1e-7 to below 1.
    """
    seed = np.asarray(seed, "int64").view("uint64")[:, np.newaxis]
    key, upper = _philox(seed & LOW, seed >> HALF, SEED_KEY)[:, :, 0]
    blocks = -(-size // 4)
    even = np.full((2, blocks), upper[0])
    even[0] = np.arange(blocks)
    odd = np.full((2, blocks), upper[1])
    odd[0] = 0
    words = _philox(even, odd, key[:, np.newaxis])
    bits = words.reshape(4, blocks).T.astype("uint32").ravel()[:size]
    # 23 random bits are the fraction of a float between 1 and 2.
    ones = (bits & np.uint32(0x7FFFFF) | np.uint32(0x3F800000)).view("float32")
    return (ones - np.float32(1)) * (np.float32(1) - LOWEST) + LOWEST


def _philox(even, odd, key):
    """Encrypts counters by Philox4x32-10.

    Args:
        even: Words 0 and 2 of each counter, `(2, counters)` uint64 below 2 ** 32.
        odd: Words 1 and 3, likewise.
        key: The two words of the key, `(2, 1)`.

    Returns:
        Words 0 and 1, then words 2 and 3 of each result, `(2, 2, counters)`.
    """
    for _ in range(ROUNDS):
        product = even * MULTIPLIERS
        even, odd = (product >> HALF)[::-1] ^ odd ^ key, (product & LOW)[::-1]
        key = (key + KEY_STEPS) & LOW
    return np.stack([even, odd], axis=1)
