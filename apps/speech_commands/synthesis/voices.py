"""Splits the voices of eSpeak NG by person, and makes up voices for training.

A voice is an accent with a variant, such as `en-us+f4`. Training, validation and test
have different variants, so no voice is in two splits.
"""

import numpy as np

from apps.common.data.splits import sha1_modulo

ACCENTS = (
    *("en", "en-us", "en-gb-scotland", "en-029", "en-gb-x-rp", "en-gb-x-gbclan"),
    *("en-gb-x-gbcwmd", "en-us-nyc"),
)
# Variants whose descriptions are nearly the same count as one person.
RELATED = {
    **dict.fromkeys(("diogo", "henrique", "hugo", "miguel"), "michel"),
    **dict.fromkeys(("mr serious", "tweaky", "norbert"), "john"),
    **dict.fromkeys(("mario", "gustave"), "michael"),
    **{"ricishaymax": "max", "nguyen": "m8", "reed": "adam", "belinda": "linda"},
}


MADE_UP_VARIANTS, MADE_UP_SEED = 100, 4  # training only; eSpeak NG allows 349 in all


def voices_of(split, variants, accents=ACCENTS):
    """Returns a split's voices: 60% of the variants train, 20% validate, 20% test.

    The split is chosen by a hash of the variant's person. Variants that differ only in
    a number, such as Gene and Gene2, and those in `RELATED`, are one person.
    """
    shares = {"train": range(6), "validation": range(6, 8), "test": range(8, 10)}[split]
    chosen = [v for v in variants if sha1_modulo(_person(v), 10) in shares]
    return [f"{accent}+{variant}" for accent in accents for variant in chosen]


def _person(variant):
    name = variant.lower()
    name = name.rstrip("0123456789") if len(name) > 2 else name
    return RELATED.get(name, name)


def accents_of(language):
    """Returns the accents in which a language is spoken: eight of "en", else one."""
    return ACCENTS if language == "en" else (language,)


def all_voices(split, variants, accents=ACCENTS):
    """Returns a split's voices, those of training with the made-up variants."""
    voices = voices_of(split, variants, accents)
    if split == "train":
        voices += [f"{accent}+{name}" for accent in accents for name in made_up()]
    return voices


def made_up():
    """Generates the descriptions of the made-up variants, by name."""
    rng = np.random.default_rng([MADE_UP_SEED])
    names = (f"madeup{n}" for n in range(MADE_UP_VARIANTS))
    return {name: made_up_variant(rng) for name in names}


def made_up_variant(rng):
    """Generates the description of a random variant, in eSpeak NG's format.

    It draws the length of the vocal tract; formants around it, with frequency, height
    and width in percent; pitch in Hz; voicing, consonants and tone.
    """
    tract = rng.normal(100, 10)
    lowest_pitch = rng.uniform(65, 180)
    lines = [
        "language variant",
        f"pitch {lowest_pitch:.0f} {lowest_pitch * rng.uniform(1.1, 1.7):.0f}",
        f"formant 0 {rng.uniform(80, 110):.0f} {rng.uniform(80, 170):.0f} 100",
    ]
    for number in range(1, 9):
        spread, lowest = (8, 40) if number <= 3 else (10, 20)
        frequency = np.clip(rng.normal(tract, spread), 50, 140)
        height, width = rng.uniform(lowest, 115), rng.uniform(60, 150)
        lines.append(f"formant {number} {frequency:.0f} {height:.0f} {width:.0f}")
    if rng.random() < 0.5:
        lines.append(f"voicing {rng.uniform(40, 160):.0f}")
    if rng.random() < 0.5:
        voiceless, voiced = rng.uniform(40, 120, size=2)
        lines.append(f"consonants {voiceless:.0f} {voiced:.0f}")
    if rng.random() < 0.5:
        middle, high = rng.uniform(60, 255, size=2)
        lines.append(f"tone 600 255 1200 {middle:.0f} 2000 {high:.0f}")
    lines.append(f"flutter {rng.integers(20)}")
    lines.append(f"roughness {rng.integers(6)}")
    if rng.random() < 0.15:
        lines.append(f"klatt {rng.integers(1, 7)}")
    return "\n".join(lines) + "\n"
