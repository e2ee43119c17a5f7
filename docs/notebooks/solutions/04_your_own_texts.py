# %% [markdown]
# ## Solutions
#
# **1.** Right, but not sure. Early stopping keeps the first evaluation with the best
# accuracy, and after few steps that is already 100 %. What is evaluated is an average
# of the weights over the last steps. With a momentum of 0.99 it reaches back some
# hundred steps, so it still contains the random weights of the beginning; with 0.9 it
# reaches back ten.

# %%
import json

slow = [*RUN[:2], "run_directory=runs/slow-average", *SETTINGS]
main(TASK, [*slow, "train.average_momentum=0.99", "train", "evaluate"])


def metrics(run):
    """Returns the metrics that `evaluate` wrote into a run directory."""
    return json.loads(Path(run, "metrics.json").read_text(encoding="utf-8"))


quick, slow = metrics("runs/reviews"), metrics("runs/slow-average")
for one in (quick, slow):
    print(
        f"accuracy {one['accuracy']:.3f}, calibration {one['calibration']['error']:.3f}"
    )
assert quick["accuracy"] > 0.95
assert quick["calibration"]["error"] < 0.5 * slow["calibration"]["error"]
assert quick["baseline"]["accuracy"] < 0.65

# %% [markdown]
# **2.** With a hundred rows it guesses; some hundred more and it has understood what
# "but" does. The baseline guesses with any number of rows.

# %%
for rows_kept in (100, 400):
    few = [*RUN[:2], f"run_directory=runs/few-{rows_kept}", *SETTINGS]
    main(TASK, [*few, f"data.labelled={rows_kept}", "train", "evaluate"])

# %% [markdown]
# **3.** Words outside the vocabulary all become one token, "unknown". The model sees
# "the (unknown) is a (unknown) but the (unknown) is (unknown)", so the answer has
# nothing to do with the meaning. With pretrained vectors (`data.vectors=glove_6b_50d
# data.vector_words=100000`) it would know words that the file lacks.

# %%
for answer in predictor.predict(
    [
        "the plot is a triumph but the sound is dreadful",
        "the plot is dreadful but the sound is a triumph",
    ]
):
    print(answer)
print("triumph" in predictor.vocabulary.tokens, "joy" in predictor.vocabulary.tokens)
assert "triumph" not in predictor.vocabulary.tokens
