"""Trains a question answering model."""

from dataclasses import asdict
from functools import partial

from apps.common.data.vectors import pretrained_vectors
from apps.common.metrics.classification import loss_and_accuracy
from apps.common.training.job import Job, train_run
from apps.common.training.optimizer import clipped_optimizer
from apps.common.training.trainer import Trainer
from apps.question_answering.config import MONITOR
from apps.question_answering.data import batches_of, encode, load_data
from apps.question_answering.model import build_model


def prepare(config, run):
    """Returns the `Job` of a `Config`; writes vocabulary and labels to the run."""
    settings = config.train
    data = load_data(config.data, ("train", "validation"))
    vectors = pretrained_vectors(data.vocabulary, config)
    run.save_names(data.vocabulary, data.labels)
    batches, validation = (
        batches_of(
            encode(examples, data.vocabulary, data.labels, config.data),
            settings.batch_size,
        )
        for examples in (data.train, data.validation)
    )
    with run.strategy.scope():
        model = build_model(
            len(data.vocabulary),
            data.trained_tokens,
            len(data.labels),
            **asdict(config.model),
        )
        if vectors is not None:
            model.get_layer("embedding").assign(vectors)
        adamw = clipped_optimizer(settings, batches.steps)
    loss_divisor = settings.batch_size if data.labels else 2 * settings.batch_size
    trainer = trainer_of(run.strategy, model, adamw, loss_divisor)
    examples = f"{len(batches.shapes):,} questions"
    return Job(trainer, batches, validation, examples, **MONITOR)


train = partial(train_run, prepare=prepare)


def trainer_of(strategy, model, optimizer, loss_divisor):
    """Returns a `Trainer`; divides the summed loss by the targets of a full batch."""

    def loss_fn(batch, training):
        texts = {name: batch[name] for name in ("context", "question")}
        logits, _ = model(texts, training=training)
        reported = loss_and_accuracy(logits, batch["targets"], batch["weights"])
        return reported["loss"][0] / loss_divisor, reported

    return Trainer(strategy, model, optimizer, loss_fn)
