# %% [markdown]
# # 3. Look inside
#
# A trained LSTM is no black box: every gate is a number between 0 and 1, and the cell
# state is a sum whose terms you can read off. In this notebook you train a small
# network on the tutorial's sentences, and then ask it how it knows the answer.
#
# You need notebook 1.

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
import keras
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Image

from apps.common.explain.page import page
from apps.common.explain.pictures import draw
from apps.common.explain.traces import Explanation, gate_outputs, traces_of
from experiments.research.long_term_dependencies.models import build_model
from experiments.research.long_term_dependencies.tasks import (
    LANGUAGES,
    TASKS,
    agreement_words,
)
from lstm_layer.gates import contributions, record_gates

# %% [markdown]
# ## Train it
#
# The network reads a country, clauses about nothing, and "I speak"; it answers with a
# language. It has an embedding, one LSTM and one dense layer.

# %%
keras.utils.set_random_seed(1)
task, gap = TASKS["agreement"], 16
model = build_model("chrono", task, gap)
model.summary()
model.compile(
    keras.optimizers.Adam(0.005, clipnorm=1.0),
    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
x, y = task.make(np.random.default_rng(1), 9600, gap)
model.fit(x, y, batch_size=64, epochs=2, verbose=2)

# %% [markdown]
# ## Ask it

# %%
words = list(agreement_words())
languages = list(LANGUAGES.values())
sentence = (
    "I live in France , I like playing football with my friends , "
    "I like going to the school , I speak"
)


def token_ids(sentence):
    """Returns the ids of a sentence, `(1, timesteps)`."""
    return np.array([[words.index(word) for word in sentence.split()]], "int32")


def answer(sentence):
    """Returns the most probable language and its probability."""
    logits = model(token_ids(sentence), training=False)
    probabilities = np.asarray(keras.ops.softmax(logits))[0]
    return languages[probabilities.argmax()], round(float(probabilities.max()), 3)


for country in ("France", "Japan", "Greece"):
    print(country, "->", answer(sentence.replace("France", country)))

# %% [markdown]
# ## The gates
#
# `record_gates` runs a function and returns its result, and the gates of each LSTM that
# it called. It works for any model with this layer.

# %%
logits, gates = record_gates(lambda: model(token_ids(sentence), training=False))
gates = gates["recurrent"]
print("forget gate:", gates.f.shape, "= (batch, timesteps, units)")

# %% [markdown]
# `draw` is what the command `explain` uses for all five applications. From left to
# right: how much is forgotten, written and shown at each word; the cell state; and the
# **origin of the cell state**. The column "France" of this last panel is the share of
# the cell state that the word France wrote, from its own timestep on downwards.

# %%
tokens = np.array([sentence.split()])
traces = traces_of(gate_outputs({"recurrent": gates}, tokens))
language, probability = answer(sentence)
explanation = Explanation(sentence, f"answer: {language} ({probability:.0%})", traces)
draw(explanation, "france.png")
Path("france.html").write_text(page(explanation), encoding="utf-8")
Image("france.png")

# %% [markdown]
# `france.html`, beside this notebook, is the same as a page: point at a field to read
# its number.
#
# ## What each word contributes
#
# The cell state is a sum of what the timesteps wrote, each term shrunk by the forget
# gates that came after it. `contributions` returns the terms, and they add up exactly.

# %%
terms = contributions(gates)  # (t, s, units): what timestep s has contributed to C_t
print("largest error of the sum:", np.abs(terms.sum(axis=1) - gates.c[0]).max())

shares = traces[0].shares()[-1]  # of the cell state after the last word
plt.figure(figsize=(9, 3), layout="constrained")
plt.bar(range(len(shares)), shares)
plt.xticks(range(len(shares)), sentence.split(), rotation=90)
plt.ylabel("share of the last cell state")
plt.show()
print(f'"France" wrote {shares[3]:.0%} of the last cell state.')

# %% [markdown]
# The shares sum the absolute values over all units. Much of the cell state is about
# other things: where in the sentence we are, for instance. So ask which units *differ*
# between countries.
#
# ## Which units know the country?
#
# All eight countries in the same sentence, and the cell states of the units that differ
# most at the end.

# %%
eight = np.concatenate([token_ids(sentence.replace("France", c)) for c in LANGUAGES])
_, of_eight = record_gates(lambda: model(eight, training=False))
c = np.asarray(of_eight["recurrent"].c)  # (countries, timesteps, units)
f = np.asarray(of_eight["recurrent"].f)
best = np.argsort(-c[:, -1].std(axis=0))[:3]
_, panels = plt.subplots(2, 3, figsize=(13, 5.5), sharex=True, layout="constrained")
for column, unit in zip(panels.T, best, strict=True):
    column[0].plot(c[:, :, unit].T, label=list(LANGUAGES))
    column[0].set(title=f"unit {unit}", ylabel="cell state")
    column[1].plot(f[0, :, unit], "k.-")
    column[1].set(ylim=(0, 1.05), ylabel="forget gate")
    column[1].set_xticks(range(len(shares)), sentence.split(), rotation=90, fontsize=7)
panels[0, 0].legend(fontsize=6, ncols=2)
plt.show()
print("mean forget gate of these units:", f[:, 4:, best].mean(axis=(0, 1)).round(2))

# %% [markdown]
# Up to "in" the eight lines are one. At the country they part and never meet again. The
# forget gate of some units shuts for a moment there, to make room; afterwards it stays
# near 1, so that nothing is lost. These units even go on adding in the same direction:
# a unit that knows the country (by way of `h`) repeats it to itself.
#
# ## Exercises
#
# 1. At which words do the units write most (mean input gate), and at which do they
#    forget most? Is the country among them?
# 2. Wipe the memory: what does the network answer if it never sees the first four
#    words?
# 3. Train the same network with `b_f = 1` instead of chrono initialisation
#    (`build_model("lstm", ...)`). It learns this gap, too. Which of the two forgets
#    more over the clauses?
#
# Solutions: `docs/notebooks/solutions/03_look_inside.py`.
