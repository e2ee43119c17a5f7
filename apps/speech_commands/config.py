"""What a speech command recipe can say; the defaults live here and nowhere else."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from apps.common import config
from apps.common.config import STRICT, Count, Fraction, Positive, Rate, Weight


@dataclass(frozen=True, config=STRICT)
class DataConfig:
    """Where the labelled clips come from, and the form in which the model hears them.

    Attributes:
        dataset: Name of the data set; "folder" is your own.
        directory: For "folder": a folder with a folder of WAV files for each word.
        held_out_speaker: For "spoken_digit": the speaker who is the test split, and
            heard nowhere else; without a name the test split is the official one.
        validation_speaker: For "spoken_digit": the speaker who is the validation split,
            so that what helps with strangers can be chosen without the test split.
        sample_rate_hz: Rate to which audio is resampled.
        clip_ms: Length of a clip: a shorter one is padded with silence, of a longer one
            the loudest part is kept.
    """

    dataset: Literal["synthetic", "spoken_digit", "speech_commands", "folder"] = (
        "synthetic"
    )
    directory: str = ""
    held_out_speaker: str = ""
    validation_speaker: str = ""
    sample_rate_hz: Positive = 16000
    clip_ms: Positive = 1000


@dataclass(frozen=True, config=STRICT)
class FeatureConfig:
    """The log-mel spectrogram.

    Attributes:
        window_ms: Length of the window of a frame.
        hop_ms: Time from one frame to the next.
        mel_bands: Bands of the mel scale, from 20 Hz to half the sample rate or
            7,600 Hz.
    """

    window_ms: Rate = 30.0
    hop_ms: Rate = 20.0
    mel_bands: Positive = 40


@dataclass(frozen=True, config=STRICT)
class ModelConfig:
    """The arguments of `build_model`; `clip_normalization` needs both directions."""

    clip_normalization: bool = False
    units: Positive = 128
    num_layers: Positive = 2
    direction: Literal["forward", "both"] = "forward"
    pooling: Literal["last", "max", "attention"] = "max"
    dropout: Fraction = 0.3


@dataclass(frozen=True, config=STRICT)
class AugmentationConfig:
    """How training clips are changed, anew each time.

    Attributes:
        speed: A clip is at most so much faster or slower, its pitch and its formants
            with it, as if another person spoke: 0.2 is from 0.8 to 1.2 (Ko et al.
            2015).
        shift_ms: It begins at most so much earlier or later.
        gain_db: It is at most so much louder or softer.
        noise_share: Share of the clips to which noise is added,
        lowest_snr_db: at a signal-to-noise ratio from this one
        highest_snr_db: to this one.
        frequency_masks: Number of bands of mel that are blanked (SpecAugment, Park et
            al. 2019).
        frequency_mask_bands: Each at most so wide.
        time_masks: Number of stretches of time that are blanked.
        time_mask_ms: Each at most so long.
    """

    speed: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    shift_ms: Weight = 100.0
    gain_db: Weight = 10.0
    noise_share: Annotated[float, Field(ge=0, le=1)] = 0.8
    lowest_snr_db: float = 0.0
    highest_snr_db: float = 20.0
    frequency_masks: Count = 1
    frequency_mask_bands: Count = 7
    time_masks: Count = 1
    time_mask_ms: Weight = 120.0


@dataclass(frozen=True, config=STRICT)
class TrainConfig(config.TrainConfig):
    """How the model is trained.

    Attributes:
        clips_in_a_row: With `model.direction: forward`, the number of clips that
            follow one another without a pause, each to be recognized at its end: the
            state carries over, as in a stream.
    """

    batch_size: Positive = 64
    learning_rate: Rate = 0.003
    clips_in_a_row: Positive = 1


@dataclass(frozen=True, config=STRICT)
class Config:
    """A speech command recipe."""

    data: DataConfig = DataConfig()
    features: FeatureConfig = FeatureConfig()
    model: ModelConfig = ModelConfig()
    augmentation: AugmentationConfig = AugmentationConfig()
    train: TrainConfig = TrainConfig()

    def __post_init__(self):
        """Refuses settings that exclude each other."""
        data, model = self.data, self.model
        for name in ("held_out_speaker", "validation_speaker"):
            value = getattr(data, name)
            if value and data.dataset != "spoken_digit":
                raise ValueError(
                    f"data.{name}: it is for data.dataset=spoken_digit, not for "
                    f"{data.dataset}. Received: {value!r}."
                )
        if model.direction == "forward" and model.clip_normalization:
            raise ValueError(
                "model.clip_normalization: needs the whole clip, and model.direction: "
                "forward answers before its end. Take model.direction=both."
            )
        if model.direction == "forward" and model.pooling == "attention":
            raise ValueError(
                "model.pooling: 'attention' needs the whole clip, and model.direction: "
                "forward answers before its end. Take model.pooling=max or last, or "
                "model.direction=both."
            )
        if model.direction == "both" and self.train.clips_in_a_row > 1:
            raise ValueError(
                "train.clips_in_a_row: a model of both directions reads one clip. Take "
                f"train.clips_in_a_row=1. Received: {self.train.clips_in_a_row}."
            )
        lowest, highest = (
            self.augmentation.lowest_snr_db,
            self.augmentation.highest_snr_db,
        )
        if lowest > highest:
            raise ValueError(
                f"augmentation.lowest_snr_db: expected at most {highest:g}, which is "
                f"augmentation.highest_snr_db. Received: {lowest:g}."
            )
