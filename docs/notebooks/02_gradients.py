# %% [markdown]
# # 2. Gradients: why the simple network forgets
#
# A network learns from the gradient: how much would the loss change if this number
# changed a little? To learn that "France" at the beginning of a text decides a word at
# its end, the gradient has to reach the beginning. In a simple recurrent network it
# does not.
#
# In this notebook you measure how far the gradient reaches in a simple network and in
# an LSTM, see which number decides it, and train three networks on a task that needs
# memory.
#
# You need notebook 1, and to know that training follows the gradient.

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
from IPython.display import SVG

from experiments.research.long_term_dependencies.models import (
    build_model,
    gradient_norms,
)
from experiments.research.long_term_dependencies.tasks import (
    KINDS,
    LANGUAGES,
    TASKS,
    agreement_words,
)

SVG(root / "docs/drawings/gradient.svg")

# %% [markdown]
# Left: a simple recurrent network, `h_t = tanh(x_t W + h_{t-1} U + b)`. On its way back
# each step multiplies the gradient by the matrix U and by the slope of a tanh. Right:
# along the cell state of an LSTM each step multiplies it by the forget gate, and by
# nothing else.
#
# ## A task that needs memory
#
# The sentences are the tutorial's: a country, then clauses about nothing, then "I
# speak". Which language? `gap` is the number of words between the country and the
# answer. Eight languages, so guessing is right one time in eight.

# %%
task, gap = TASKS["agreement"], 50
rng = np.random.default_rng(0)
x, y = task.make(rng, 512, gap)
words = np.array(agreement_words())
print(*words[x[0]], "->", list(LANGUAGES.values())[y[0]])

# %% [markdown]
# ## How far does the gradient reach?
#
# `gradient_norms` feeds sentences to a network and returns, for each timestep t, the
# norm of the gradient of the loss at the end with respect to the state at t. All
# networks here have about the same number of parameters; "LSTM, chrono" is explained
# below.

# %%
models, norms = {}, {}
for kind in ("rnn", "lstm", "chrono"):
    keras.utils.set_random_seed(1)
    models[kind] = build_model(kind, task, gap)
    norms[kind] = gradient_norms(models[kind], x[:32], y[:32])


def draw(norms):
    """Draws norms of gradients against the distance from the end, relative to it."""
    _, panel = plt.subplots(figsize=(7, 4), layout="constrained")
    for name, values in norms.items():
        values = np.array(values)[::-1]
        back = np.flatnonzero(values)  # the loss does not read the last cell state
        panel.semilogy(back, values[back] / values.max(), label=name)
    panel.set(xlabel="timesteps back from the loss", ylabel="norm of the gradient")
    panel.set(ylim=(1e-9, 3))
    panel.legend()


draw(
    {
        "simple RNN": norms["rnn"]["h"],
        "LSTM, cell state": norms["lstm"]["c"],
        "LSTM, chrono, cell state": norms["chrono"]["c"],
    }
)

# %% [markdown]
# The axis is logarithmic: a straight line down is a product of equal factors. How much
# arrives at the country, from the end of the sentence?

# %%
for kind, state in (("rnn", "h"), ("lstm", "c"), ("chrono", "c")):
    values = np.array(norms[kind][state])
    print(f"{KINDS[kind]:14} {values[3] / values.max():.1e}")

# %% [markdown]
# ## The number that decides
#
# Along the cell state the factor of one step is the forget gate f. What is left after t
# steps is about f to the power of t. A new cell has `b_f = 1`, so f is about 0.73.

# %%
gates = [0.5, 0.73, 0.9, 0.98]
steps = np.arange(gap + 1)
for f in gates:
    plt.semilogy(f**steps, label=f"f = {f}")
measured = np.array(norms["lstm"]["c"])[-2::-1] / max(norms["lstm"]["c"])
plt.semilogy(measured, "k:", label="LSTM, measured")
plt.gca().set(xlabel="timesteps back", ylabel="what is left", ylim=(1e-9, 3))
plt.legend()
plt.show()

# %% [markdown]
# The measured line runs a little above f = 0.73: the gates vary around this number, and
# some of the gradient takes the way through `h`.
#
# So an LSTM *can* carry a gradient without loss, but a new one does not: with f = 0.73
# two percent are left after twelve steps. What matters is where the forget gates begin.
#
# **Chrono initialisation** (Tallec and Ollivier 2018) draws `b_f` as the logarithm of a
# number between 1 and the length of the sequence, and sets `b_i = -b_f`. Some units
# then forget at once, others keep for as long as the sequence is.

# %%
from lstm_layer.initializers import ChronoBias

b_i, b_f, _, _ = np.split(np.asarray(ChronoBias(gap, seed=1)((4 * 28,))), 4)
f = np.sort(1 / (1 + np.exp(-b_f)))
plt.plot(f, "o", label="chrono initialisation")
plt.axhline(0.73, color="gray", label="b_f = 1")
plt.gca().set(xlabel="units, sorted", ylabel="forget gate before training")
plt.legend()
plt.show()

# %% [markdown]
# ## Does it matter for learning?
#
# Each network trains on the same 9,600 sentences, for less than a minute together. (The
# long version of this experiment, with more tasks and gaps, is `python -m
# experiments.research.long_term_dependencies`; `docs/lstm.md` has its results.)

# %%
train_x, train_y = task.make(np.random.default_rng(1), 9600, gap)
scores = {}
for kind in models:
    models[kind].compile(
        keras.optimizers.Adam(0.005, clipnorm=1.0),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    models[kind].fit(train_x, train_y, batch_size=64, epochs=1, verbose=0)
    answers = models[kind].predict(x, batch_size=256, verbose=0).argmax(axis=-1)
    scores[kind] = float(np.mean(answers == y))
    print(f"{KINDS[kind]:14} right: {scores[kind]:.0%}")

# %% [markdown]
# Guessing is right in 12 or 13 % of the sentences. Only the network whose gradient
# reached the country has learned what the country is for. The two LSTMs have the same
# cell, the same data and the same number of parameters. Only the biases that they began
# with differ.

# %%
after = gradient_norms(models["chrono"], x[:32], y[:32])
draw({"before training": norms["chrono"]["c"], "after": after["c"]})

# %% [markdown]
# After training nearly all of the gradient arrives at the country. The forget gates
# have learned to stay open over the clauses about nothing.
#
# ## Exercises
#
# 1. Which forget gate leaves 1 % after a thousand steps? Which `b_f` is that?
# 2. The plain LSTM guesses at a gap of 50. Does it learn at a gap of 10? Train it
#    there.
# 3. The simple network's gradient vanishes. Multiply its recurrent kernel by 3 and
#    measure again. Is a larger kernel a cure?
#
# Solutions: `docs/notebooks/solutions/02_gradients.py`.
