# %% [markdown]
# # 4. Your own texts
#
# From a CSV file to a model that answers over HTTP, with the commands of this
# repository. The file here is made in the notebook, so that you can see what the LSTM
# can do and a simpler model cannot. Put your own file in its place.
#
# You need notebook 1. A command such as `python -m experiments.sentiment files train`
# is written here as `main(TASK, ["files", "train"])`, which does the same in this
# process.

# %%
# Run this cell first. Where the repository is missing, it clones it and installs the
# packages that requirements.txt names.
import importlib.util
import logging
import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = ""  # address to clone from, for a notebook outside the repository
if not importlib.util.find_spec("experiments"):
    folders = (Path.cwd(), *Path.cwd().parents)
    inside = [folder for folder in folders if (folder / "lstm_layer/step.py").exists()]
    clone = Path("carousel").resolve()
    if not inside and not clone.exists():
        if not REPOSITORY:
            raise ValueError("REPOSITORY: expected an address for `git clone`.")
        subprocess.run(["git", "clone", "--depth=1", REPOSITORY, clone], check=True)
    sys.path.insert(0, str((*inside, clone)[0]))
    found = filter(None, (sys.path[0], os.environ.get("PYTHONPATH")))
    os.environ["PYTHONPATH"] = os.pathsep.join(found)  # for commands of a notebook
root = Path(importlib.util.find_spec("experiments").origin).parents[1]
if not importlib.util.find_spec("onnxruntime"):
    install = [sys.executable, "-m", "pip", "install", "--quiet", "-r"]
    subprocess.run([*install, root / "requirements.txt"], check=True)

# TensorFlow logs notices while it is imported and later; they would fill the notebook.
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
errors, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
os.dup2(nowhere, 2)
importlib.import_module("tensorflow")
_ = os.dup2(errors, 2)
logging.getLogger("tensorflow").setLevel("ERROR")
importlib.import_module("absl.logging").set_verbosity("error")

# %%
import csv
import itertools
import random
import socket

from IPython.display import Image

from apps.sentiment.explain import explain
from apps.sentiment.predict import Predictor
from experiments.run import main
from experiments.sentiment import TASK
from serving.client import Client

# %% [markdown]
# ## A file
#
# Each text praises one thing and criticises another. What comes after "but" decides the
# label. So every text has one good word and one bad word, and only their order tells.

# %%
GOOD = ("a joy", "brilliant", "moving", "funny", "clever", "warm", "charming", "great")
BAD = ("a bore", "dull", "flat", "clumsy", "stale", "cold", "endless", "silly")
THINGS = ("the opening", "the end", "the story", "the acting", "the music", "the film")


def reviews():
    """Returns rows of a text and a label, in random order."""
    rows = []
    for (one, other), good, bad in itertools.product(
        itertools.permutations(THINGS, 2), GOOD, BAD
    ):
        rows.append((f"{one} is {good} but {other} is {bad}", "negative"))
        rows.append((f"{one} is {bad} but {other} is {good}", "positive"))
    random.Random(1).shuffle(rows)
    return rows


def write_csv(path, rows):
    """Writes rows with the header text, label."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "label"), *rows])


rows = reviews()
write_csv("reviews.csv", rows[:2400])
write_csv("new.csv", rows[2400:2410])
print(*rows[:4], sep="\n")

# %% [markdown]
# ## Train, measure, export
#
# The recipe `files` reads any CSV file. A tenth of the rows is kept for the test, a
# tenth says when to stop. `model.direction=forward model.pooling=last` reads from left
# to right and answers from the last output; small sizes are enough here.
#
# A finished run is never overwritten. With another file or another setting, name
# another `run_directory`.

# %%
SETTINGS = [
    *("model.direction=forward", "model.pooling=last"),
    *("model.embedding_dim=16", "model.units=16"),
    *("train.epochs=4", "train.learning_rate=0.005", "train.average_momentum=0.9"),
]
RUN = ["files", "data.file=reviews.csv", "run_directory=runs/reviews", *SETTINGS]
main(TASK, [*RUN, "train", "evaluate", "export"])

# %% [markdown]
# Read the closing table like this:
#
# - **accuracy** of the model on rows that it never saw, with a confidence interval.
#   These rows are made from few words by one rule; expect less of texts that people
#   wrote.
# - **baseline**: what a simple model reaches on the same rows. This one counts words
#   and does not see their order. Here it guesses, so the task needs order. On real
#   reviews it is hard to beat: look at the baseline before you believe in your model.
# - **calibration error**: how far the model's confidence is from its accuracy.
#
# ## Ask it

# %%
predictor = Predictor.load("runs/reviews")
texts = [
    "The acting is clumsy but the music is a joy.",
    "The music is a joy but the acting is clumsy.",
]
for answer in predictor.predict(texts):
    print(answer)

# %% [markdown]
# And ask its gates. From left to right: how much is forgotten, written and shown at
# each word, the cell state, and which word wrote what is still held. "clumsy" is held
# through "but", and outweighed by what the second half of the sentence writes.

# %%
paths = explain(predictor, texts[:1])
Image(paths[0].with_suffix(".png"))

# %% [markdown]
# ## Score a file
#
# The output has all columns of the input, with the answers beside them.

# %%
Path("scored.csv").unlink(missing_ok=True)  # an output is never overwritten
main(TASK, [*RUN, "predict", "--file", "new.csv", "--output", "scored.csv"])
with open("scored.csv", encoding="utf-8") as file:
    scored = list(csv.DictReader(file))
for row in scored[:4]:
    print(row)

# %% [markdown]
# ## Serve it
#
# The server takes the exported model and speaks the REST API of TensorFlow Serving. In
# a terminal you would write `python -m serving.server runs/reviews`, and open the
# address that it prints: there is a page to try the model.

# %%
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
command = [sys.executable, "-m", "serving.server", "runs/reviews", "--port", str(port)]
server = subprocess.Popen(command)
try:
    # The client asks again until the server is up.
    with Client(f"http://127.0.0.1:{port}", timeout_s=60, retries=30) as client:
        answer = client.predict("reviews", {"text": texts})
finally:
    server.terminate()
    server.wait()
answer["label"], answer["probabilities"].round(3)

# %% [markdown]
# Notebook 6 shows what else the export can do.
#
# ## Exercises
#
# 1. Train to `runs/slow-average` with `train.average_momentum=0.99`, the default. The
#    accuracy is as good, the calibration error is not. Why? (`--help` says what is
#    averaged. Early stopping keeps the first of the best evaluations.)
# 2. How many rows does it need? `data.labelled=N` keeps N of them. Try 100 and 400.
# 3. Ask about words that are not in the file: "the plot is a triumph but the sound is
#    dreadful". What can the model know about it?
#
# Solutions: `docs/notebooks/solutions/04_your_own_texts.py`.
