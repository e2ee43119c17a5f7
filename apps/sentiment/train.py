"""Trains a sentiment classifier."""

from dataclasses import asdict
from functools import partial

from apps.common.data.vectors import pretrained_vectors
from apps.common.metrics.classification import loss_and_accuracy
from apps.common.portable.files import write_json
from apps.common.portable.patterns import PADDING_ID
from apps.common.portable.run_files import BAG_OF_WORDS
from apps.common.training.encoder import load_encoder, pretrained_vocabulary
from apps.common.training.job import Job, train_run
from apps.common.training.optimizer import optimizer
from apps.common.training.trainer import Trainer
from apps.sentiment.adapt import adapted
from apps.sentiment.config import MONITOR
from apps.sentiment.data import batches_of, encode, load_data
from apps.sentiment.linear import add_bag_of_words
from apps.sentiment.model import build_model


def prepare(config, run):
    """Returns the `Job` of a `Config`; writes vocabulary and labels to the run."""
    settings, model_settings = config.train, asdict(config.model)
    pretrained, vocabulary = model_settings.pop("pretrained"), None
    if pretrained:
        vocabulary = pretrained_vocabulary(pretrained, config.data.token_rules)
    data = load_data(config.data, ("train", "validation"), vocabulary=vocabulary)
    vectors = pretrained_vectors(data.vocabulary, config)
    run.save_names(data.vocabulary, data.labels)
    columns = [
        encode(examples, data.vocabulary, config.data.max_length)
        for examples in (data.train, data.validation)
    ]
    batches, validation = (
        batches_of(split, settings.batch_size, config.data.max_length)
        for split in columns
    )
    with run.strategy.scope():
        model = build_model(
            len(data.vocabulary),
            len(data.labels),
            data.trained_tokens,
            **model_settings,
        )
        if pretrained:
            load_encoder(model, pretrained)
        if vectors is not None:
            model.get_layer("embedding").assign(vectors)
        adamw = optimizer(settings, batches.steps)
    trainer = trainer_of(run.strategy, model, adamw, settings.batch_size)
    examples = f"{len(data.train.texts):,} texts"
    finish = {}
    if config.model.bag_of_words:

        def add():
            accuracies = add_bag_of_words(model, columns[0], validation)
            write_json(run.directory / BAG_OF_WORDS, accuracies)

        finish["finish"] = add
    return Job(trainer, batches, validation, examples, **MONITOR, **finish)


train = partial(train_run, prepare=prepare, choose=adapted)


def trainer_of(strategy, model, optimizer, batch_size):
    """Returns a `Trainer`; divides the summed loss by the texts of a full batch."""

    def loss_fn(batch, training):
        token_ids = batch["token_ids"]
        logits = model(token_ids, training=training)
        is_text = token_ids[:, 0] != PADDING_ID
        reported = loss_and_accuracy(logits, batch["labels"], is_text)
        return reported["loss"][0] / batch_size, reported

    return Trainer(strategy, model, optimizer, loss_fn)
