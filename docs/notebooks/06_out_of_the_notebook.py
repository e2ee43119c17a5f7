# %% [markdown]
# # 6. Out of the notebook
#
# A trained model is of use where the people are: in a program without TensorFlow, on a
# device, in a browser, behind a server. In this notebook you export one model and run
# it in five ways: Keras, TensorFlow, ONNX Runtime, LiteRT and over HTTP. All give the
# same answer.
#
# You need notebook 4.

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
import socket
import time

import numpy as np
import tensorflow as tf

from apps.common.portable.litert import litert_directory, load_network
from apps.common.portable.tokens import tokenize
from apps.common.portable.vocabulary import TokenIds
from apps.sentiment.predict import Predictor
from experiments.run import main
from experiments.sentiment import TASK
from serving import runtime
from serving.client import Client
from serving.publish import publish
from serving.static import write_static

# %% [markdown]
# ## A model
#
# Any run of an application will do. So that this takes half a minute, here is a small
# one, which learns eight words by heart.

# %%
GOOD, BAD = ("a joy", "great", "warm", "clever"), ("a bore", "bad", "cold", "silly")
THINGS = ("film", "story", "acting", "music", "end", "pace", "cast", "humour")
with open("sentences.csv", "w", newline="", encoding="utf-8") as file:
    out = csv.writer(file)
    out.writerow(("text", "label"))
    verbs = ("is", "was", "seems", "feels")
    for thing, verb, word in itertools.product(THINGS, verbs, GOOD + BAD):
        label = "good" if word in GOOD else "bad"
        out.writerow((f"the {thing} {verb} {word}", label))
RUN = Path("runs/sentences")
main(
    TASK,
    [
        *("files", "data.file=sentences.csv", f"run_directory={RUN}"),
        *("model.direction=forward", "model.pooling=last"),
        *("model.embedding_dim=16", "model.units=16", "train.batch_size=8"),
        *("train.learning_rate=0.01", "train.average_momentum=0.5"),
        *("train", "export"),
    ],
)

# %% [markdown]
# ## What an export has
#
# One directory for each version, with the same model in three formats. Each was tried
# on raw texts, in a process of its own, before the directory got its name.

# %%
version = RUN / "export/sentiment/1"
for path in sorted(version.rglob("*")):
    if path.is_file():
        print(f"{path.stat().st_size:9,}  {path.relative_to(version)}")

# %% [markdown]
# ## Keras, here
#
# The sentence to ask about, and the answer to compare the others with.

# %%
text = "The acting was a joy"
answers = {}
predicted = Predictor.load(RUN).predict([text])[0]
answers["Keras"] = [*predicted["probabilities"].values()]
predicted

# %% [markdown]
# ## TensorFlow
#
# The SavedModel takes the raw text: the rules for tokens are inside.

# %%
saved = tf.saved_model.load(str(version))
outputs = saved.signatures["serving_default"](text=tf.constant([text]))
answers["SavedModel"] = outputs["probabilities"][0]
{name: value.numpy() for name, value in outputs.items()}

# %% [markdown]
# ## ONNX Runtime, without TensorFlow
#
# `serving.runtime` reads the directory `onnx/`. Here it runs in a fresh process in
# which TensorFlow cannot even be imported. The installation is 200 MB instead of 3 GB
# (`requirements-runtime.txt`). More: `docs/onnx.md`.

# %%
program = f"""
import sys
sys.modules["tensorflow"] = None  # an import would fail
import numpy as np
from serving import runtime
from serving.client import Client
answer = runtime.load("{version}/onnx").signatures["serving_default"]
print(answer({{"text": np.array([b"{text}"], object)}}))
"""
began = time.monotonic()
result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
print(result.stdout or result.stderr)
print(f"{time.monotonic() - began:.1f} seconds with the start of the process")

# %%
onnx = runtime.load(version / "onnx").signatures["serving_default"]
outputs = onnx({"text": np.array([text.encode()], object)})
answers["ONNX Runtime"] = outputs["probabilities"][0]

# %% [markdown]
# ## LiteRT, on a device
#
# A device gets the network alone: token ids in, logits out. Tokens and vocabulary are a
# few lines of Python without TensorFlow (and of Kotlin in `docs/devices.md`).

# %%
device = litert_directory(RUN)
network = load_network(device, "text")
ids = TokenIds.load(device / "vocabulary.txt").ids(tokenize(text))
logits = network(np.array([ids], "int32"))[0]
answers["LiteRT"] = np.exp(logits) / np.exp(logits).sum()
print("ids", list(ids), "logits", logits, "operations", network.operations)

# %% [markdown]
# The LSTM is one operation in both formats. It computes the textbook's equations, so a
# cell of your own (notebook 5) gets no such file: the export says so in a line.
#
# ## A server
#
# `publish` puts the export into a folder that TensorFlow Serving reads. With Docker, in
# a terminal, in the repository (docs/serving.md, "TensorFlow Serving"):
#
# ```sh
# python -m serving.publish notebooks/runs/sentences    # into the repository's models/
# docker compose -f serving/compose.yaml up -d
# ```
#
# The embedded server serves such a folder by the same REST paths, without Docker. A
# request is JSON, from any language:
#
# ```sh
# curl -d '{"instances": ["The acting was a joy"]}' \
#     http://127.0.0.1:8501/v1/models/sentences:predict
# ```
#
# Here the client of this repository asks, which waits until the server is up.

# %%
print("published:", publish(RUN, Path("models")))
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
command = [sys.executable, "-m", "serving.server", "models", "--port", str(port)]
server = subprocess.Popen(command)
try:
    with Client(f"http://127.0.0.1:{port}", timeout_s=60, retries=30) as client:
        answer = client.predict("sentences", {"text": [text]})
        gates = client.predict("sentences", {"text": [text]}, signature="gates")
finally:
    server.terminate()
    server.wait()
answers["REST"] = answer["probabilities"][0]
answer

# %% [markdown]
# ## Do they agree?

# %%
for engine, probabilities in answers.items():
    print(f"{engine:13}", np.round(probabilities, 6))

# %% [markdown]
# ## A browser, without a server
#
# `write_static` writes a folder with a page, the model and ONNX Runtime as WebAssembly.
# Any web host serves it, and the visitor's browser computes the answers; no text leaves
# it. The first call downloads ONNX Runtime (33 MB). Look at the folder with `python -m
# http.server -d site`. More: `docs/browser.md`.

# %%
if not Path("site").exists():
    try:
        write_static("site", [str(RUN)])
    except ValueError as error:  # without a network
        print(error)
print(*sorted(path.name for path in Path("site").glob("*")))

# %% [markdown]
# ## Exercises
#
# 1. Ask Keras and ONNX Runtime about all the sentences of `sentences.csv`. What is the
#    largest difference? Does any label change?
# 2. Publish the run a second time. Which version is served? Roll it back
#    (`serving.publish.roll_back`).
# 3. `gates` has what the signature `gates` answered over HTTP. At which word is the
#    mean input gate highest?
#
# Solutions: `docs/notebooks/solutions/06_out_of_the_notebook.py`.
