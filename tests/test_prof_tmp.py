import time


def test_prof(sentiment_config, packages, tmp_path):
    from apps.sentiment.train import train
    from apps.sentiment.evaluate import evaluate
    from apps.sentiment.export import export
    from apps.sentiment.data import load_data

    d = load_data(sentiment_config.data)
    print("N", len(d.train.texts), len(d.validation.texts), len(d.test.texts))
    for f in (
        lambda: train(sentiment_config, tmp_path / "r"),
        lambda: train(sentiment_config, tmp_path / "r2"),
        lambda: evaluate(tmp_path / "r"),
        lambda: export(tmp_path / "r"),
    ):
        t = time.process_time()
        f()
        print("CPU", round(time.process_time() - t, 2))
