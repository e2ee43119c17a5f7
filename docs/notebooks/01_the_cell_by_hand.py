# %% [markdown]
# # 1. The cell by hand
#
# An LSTM reads a sequence one timestep at a time. Between two timesteps it keeps two
# things: its last output `h` and its cell state `C`. Three gates decide what happens to
# the cell state: what is forgotten, what is written, what is shown.
#
# In this notebook you compute one timestep in NumPy, one gate at a time, and compare
# each value with the code that all models of this repository run. Then you set the
# weights by hand, hold one gate open after the other, and see what breaks.
#
# You need Python and a little NumPy, and nothing about neural networks.

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
import inspect

import keras
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import SVG

from lstm_layer import LSTMCell
from lstm_layer.gates import gates_of
from lstm_layer.step import lstm_step

SVG(root / "docs/drawings/unit.svg")

# %% [markdown]
# Time runs from top to bottom. The vertical line on the right is the cell state. The
# input `x_t` and the previous output `h_{t-1}` never touch it directly: they only
# decide, by way of the four layers, what happens to it. A layer multiplies its inputs
# by a matrix of weights, adds a vector of biases, and applies a function to each
# number.
#
# ## A cell with random weights
#
# The cell has 3 units and reads 2 features per timestep. Every unit has its own gates.

# %%
keras.utils.set_random_seed(1)
units, features = 3, 2
cell = LSTMCell(units)
cell.build((1, features))
for weight in cell.weights:
    print(weight.name, weight.shape)

# %% [markdown]
# `kernel` holds four matrices side by side, each `(features, units)`: one for each
# layer of the drawing. The order is input gate, forget gate, candidate, output gate.
# `recurrent_kernel` holds four matrices for the previous output in the same order, and
# `bias` four vectors.

# %%
SVG(root / "docs/drawings/packing.svg")

# %%
kernel, recurrent_kernel, bias = cell.get_weights()
W_i, W_f, W_C, W_o = np.split(kernel, 4, axis=1)
U_i, U_f, U_C, U_o = np.split(recurrent_kernel, 4, axis=1)
b_i, b_f, b_C, b_o = np.split(bias, 4)
b_f

# %% [markdown]
# A new cell has `b_f = 1`, so that it starts by keeping more than half of its state.
#
# ## One timestep
#
# What comes from the previous timestep, and what is read now:

# %%
rng = np.random.default_rng(1)
x = rng.normal(size=features).astype("float32")
h_previous = rng.uniform(-1, 1, size=units).astype("float32")
C_previous = rng.normal(size=units).astype("float32")


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


# %% [markdown]
# **Group 1, forget.** A sigmoid gives numbers between 0 and 1: the share of the old
# cell state that each unit keeps.

# %%
f = sigmoid(x @ W_f + h_previous @ U_f + b_f)
kept = f * C_previous
print("forget gate f       ", f.round(3))
print("old cell state      ", C_previous.round(3))
print("what is kept of it  ", kept.round(3))

# %% [markdown]
# **Group 2, write.** The candidate `C~` is what could be written, a number from -1
# to 1. The input gate says how much of it is written.

# %%
i = sigmoid(x @ W_i + h_previous @ U_i + b_i)
C_candidate = np.tanh(x @ W_C + h_previous @ U_C + b_C)
written = i * C_candidate
print("input gate i        ", i.round(3))
print("candidate C~        ", C_candidate.round(3))
print("what is written     ", written.round(3))

# %% [markdown]
# **The new cell state** is the sum. There is no matrix and no tanh on the way from the
# old cell state to the new one. Notebook 2 shows why this matters.

# %%
C = kept + written
print("new cell state C    ", C.round(3))

# %% [markdown]
# **Group 3, output.** The output gate says how much of the cell state is shown.

# %%
o = sigmoid(x @ W_o + h_previous @ U_o + b_o)
h = o * np.tanh(C)
print("output gate o       ", o.round(3))
print("output h            ", h.round(3))

# %% [markdown]
# ## The same in the repository
#
# These are all the equations of the repository; they stand in `lstm_layer/step.py`.
# Each line has its counterpart above. `z` is the sum in the brackets, of all four
# layers at once.

# %%
print(inspect.getsource(lstm_step).split('"""')[2])

# %%
z = cell.sums(x[np.newaxis], h_previous[np.newaxis])
step = cell.step(z, C_previous[np.newaxis])
by_hand = {"f": f, "i": i, "c_tilde": C_candidate, "c": C, "o": o, "h": h}
for name, value in by_hand.items():
    difference = np.abs(np.asarray(getattr(step, name))[0] - value).max()
    print(f"{name:8} largest difference {difference:.1e}")
    np.testing.assert_allclose(getattr(step, name)[0], value, atol=1e-5)

# %% [markdown]
# The differences are those of float32, in which the cell computes.
#
# ## A cell with a purpose
#
# Usually training finds the weights. Here you set them, for a memory of one unit. Its
# input has four features: a **value**, and three commands, each 0 or 1: **write** the
# value, **wipe** the memory, **show** it. A weight of 20 and a bias of -10 make a gate
# that is shut (sigmoid of -10) unless its command is given (sigmoid of 10).

# %%
VALUE, WRITE, WIPE, SHOW = range(4)


def set_memory(cell):
    """Sets the weights of a cell with one unit; the blocks are i, f, C~, o."""
    cell.build((1, 4))
    kernel = np.zeros((4, 4))
    kernel[WRITE, 0] = 20  # the input gate opens at "write"
    kernel[WIPE, 1] = -20  # the forget gate shuts at "wipe"
    kernel[VALUE, 2] = 1  # the candidate is the value
    kernel[SHOW, 3] = 20  # the output gate opens at "show"
    bias = np.array([-10, 10, 0, -10])
    cell.set_weights([kernel, np.zeros((1, 4)), bias])
    return cell


steps = 16
x = np.zeros((1, steps, 4), "float32")
x[0, :, VALUE] = np.random.default_rng(2).uniform(-1, 1, steps)
x[0, [2, 10], WRITE] = 1
x[0, 8, WIPE] = 1
x[0, [5, 13], SHOW] = 1

# %% [markdown]
# `gates_of` runs the cell over a sequence and returns all gates and states.


# %%
def draw(cells):
    """Draws the cell state and the output of cells, one column for each."""
    _, panels = plt.subplots(
        2, len(cells), figsize=(3.6 * len(cells), 4), squeeze=False, sharex=True,
        sharey="row", layout="constrained",
    )  # fmt: skip
    for column, (title, cell) in zip(panels.T, cells.items(), strict=True):
        gates = gates_of(set_memory(cell), x)
        column[0].step(range(steps), gates.c[0, :, 0], where="mid", color="navy")
        column[0].plot(x[0, :, VALUE], ".", color="gray", label="value")
        column[1].step(range(steps), gates.h[0, :, 0], where="mid", color="tab:red")
        column[1].set(xlabel="timestep")
        for command, mark in ((WRITE, "write"), (WIPE, "wipe"), (SHOW, "show")):
            for t in np.flatnonzero(x[0, :, command]):
                for panel in column:
                    panel.axvline(t, color="lightgray", zorder=0)
                column[0].text(t, 1.1, mark, rotation=90, ha="center", fontsize=8)
        column[0].set(ylim=(-1.8, 2.0), xticks=range(0, steps, 5))
        column[0].set_title(title)
    panels[0, 0].set_ylabel("cell state C")
    panels[1, 0].set_ylabel("output h")
    panels[0, 0].legend(fontsize=8)


draw({"the memory": LSTMCell(1)})

# %% [markdown]
# The values (dots) go past at every timestep. Only the one at "write" enters the cell
# state, and it stays there until "wipe". The output is zero until "show".
#
# ## Hold a gate open
#
# A cell with other equations overrides `step`. This one computes the usual values, then
# holds one gate at a fixed number and computes the rest again.


# %%
class Held(LSTMCell):
    """Holds a gate ("f", "i" or "o") at a fixed value."""

    def __init__(self, gate, value):
        super().__init__(1)
        self.gate, self.value = gate, value

    def step(self, z, c_prev):
        new = super().step(z, c_prev)
        new = new._replace(**{self.gate: keras.ops.full_like(new.f, self.value)})
        c = new.f * c_prev + new.i * new.c_tilde
        return new._replace(c=c, h=new.o * keras.ops.tanh(c))


draw(
    {
        "all gates work": LSTMCell(1),
        "input gate open": Held("i", 1),
        "forget gate open": Held("f", 1),
        "output gate open": Held("o", 1),
    }
)

# %% [markdown]
# - **Input gate open**: every value is written. The cell state wanders, and what you
#   wanted to keep is buried.
# - **Forget gate open**: nothing is ever wiped. The second value is added to the first.
#   The LSTM of 1997 had no forget gate; it came in 2000 (Gers, Schmidhuber and
#   Cummins).
# - **Output gate open**: the memory is right, but it talks all the time. Whatever reads
#   `h` gets the value when it did not ask.
#
# ## Exercises
#
# 1. Hold the forget gate *shut* (`Held("f", 0)`). What is left of the memory? Say it
#    before you draw it.
# 2. Without any command, a forget gate of `f` leaves `f ** 100` of the cell state after
#    a hundred timesteps. Which `b_f` leaves half of it? Check it with a cell.
# 3. Set the weights of a cell with one unit so that `C` counts how often its only
#    feature was 1. Why can you not read the count off `h`?
#
# Solutions: `docs/notebooks/solutions/01_the_cell_by_hand.py`.
