# %% [markdown]
# # 5. Swap the layer, change the cell
#
# You have a Keras model with `keras.layers.LSTM`, and want to see its gates, or to try
# a cell with other equations. In this notebook you replace the layer in a finished
# model without changing its answers. Then you write two cells of your own, train them,
# look at them and save them.
#
# You need notebook 1, and to have built a Keras model before.

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
import warnings

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import ops

from experiments.research.long_term_dependencies.tasks import TASKS
from lstm_layer import LSTM, LSTMCell, swap
from lstm_layer.gates import contributions, record_gates

# %% [markdown]
# ## Somebody's model
#
# It reads "I live in France", clauses about nothing, "I speak", and answers with one of
# eight languages. Nothing in it knows this repository.

# %%
task, gap = TASKS["agreement"], 12
x, y = task.make(np.random.default_rng(1), 9600, gap)
test_x, test_y = task.make(np.random.default_rng(2), 512, gap)


def build(layer):
    """Returns a compiled model around a recurrent layer."""
    model = keras.Sequential(
        [
            keras.Input((x.shape[1],), dtype="int32"),
            keras.layers.Embedding(task.tokens, 16),
            layer,
            keras.layers.Dense(task.classes),
        ]
    )
    model.compile(
        keras.optimizers.Adam(0.01),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


def accuracy(model):
    """Returns the accuracy on sentences that were not in training."""
    return model.evaluate(test_x, test_y, batch_size=256, verbose=0)[1]


keras.utils.set_random_seed(1)
theirs = build(keras.layers.LSTM(32, name="reader"))
theirs.fit(x, y, batch_size=64, epochs=2, verbose=2)
print("accuracy:", accuracy(theirs))
theirs.save("theirs.keras")

# %% [markdown]
# ## Swap
#
# `swap` returns a copy with the same weights and outputs, in which each
# `keras.layers.LSTM` is now `lstm_layer.LSTM`. It also finds the layers inside
# `Bidirectional` and in nested models.

# %%
ours = swap(keras.models.load_model("theirs.keras"))
difference = np.abs(ours.predict(test_x, verbose=0) - theirs.predict(test_x, verbose=0))
print("accuracy:", accuracy(ours), " largest difference of logits:", difference.max())

# %% [markdown]
# Now the gates can be read, which Keras's layer does not show.

# %%
_, gates = record_gates(lambda: ours(test_x[:1], training=False))
f = np.asarray(gates["reader"].f[0])
print("forget gate", f.shape, "mean at each word:", f.mean(axis=1).round(2))

# %% [markdown]
# And back, for a program that does not have this package:

# %%
back = swap(ours, to=keras.layers.LSTM)
back.save("back.keras")
type(back.get_layer("reader"))

# %% [markdown]
# ## A cell of your own: coupled gates
#
# Why two gates for forgetting and writing? A unit could write exactly where it forgets:
# `i = 1 - f`. A cell with other equations overrides `step`, which gets the sums of the
# four layers and the old cell state. Everything else stays: the weights, the loop, the
# gates.


# %%
@keras.saving.register_keras_serializable(package="notebook")
class Coupled(LSTMCell):
    """Writes where it forgets: i = 1 - f."""

    def step(self, z, c_prev):
        new = super().step(z, c_prev)
        i = 1 - new.f
        c = new.f * c_prev + i * new.c_tilde
        return new._replace(i=i, c=c, h=new.o * ops.tanh(c))


keras.utils.set_random_seed(1)
coupled = build(LSTM(cell=Coupled(32), name="reader"))
coupled.fit(x, y, batch_size=64, epochs=3, verbose=2)
print("accuracy:", accuracy(coupled))
print("fast loop:", coupled.get_layer("reader").uses_kernel)

# %% [markdown]
# The fast loop has a gradient written by hand for the textbook's equations. With others
# the layer runs the cell step by step, and TensorFlow finds the gradient: slower, and
# right.
#
# The recorded gates are those that your `step` returned.

# %%
_, gates = record_gates(lambda: coupled(test_x[:1], training=False))
gates = gates["reader"]
print("largest |i - (1 - f)|:", float(ops.max(ops.abs(gates.i - (1 - gates.f)))))
terms = contributions(gates)
print("contributions add up: error", np.abs(terms.sum(axis=1) - gates.c[0]).max())

figure, panels = plt.subplots(1, 2, figsize=(10, 3), layout="constrained")
for panel, name in zip(panels, ("f", "i"), strict=True):
    values = np.asarray(getattr(gates, name)[0]).T
    image = panel.imshow(values, vmin=0, vmax=1, aspect="auto")
    panel.set(title=f"{name} of the coupled cell", xlabel="timestep", ylabel="unit")
figure.colorbar(image, ax=panels)
plt.show()

# %% [markdown]
# Timestep 3 is the country. There many units shut the forget gate and write (i = 1);
# afterwards they keep what they wrote (f = 1) and write nothing.
#
# It is saved with the class's registered name, so a program that loads it has to import
# the class first.

# %%
coupled.save("coupled.keras")
loaded = keras.models.load_model("coupled.keras")
print(type(loaded.get_layer("reader").cell), "accuracy:", accuracy(loaded))

# %% [markdown]
# ## A cell of your own: peepholes
#
# With peepholes the gates also look at the cell state (Gers and Schmidhuber 2000). Then
# other values go into the sums, so `step` is not enough: override `call`. The input and
# the forget gate look at the old cell state, the output gate at the new one.


# %%
@keras.saving.register_keras_serializable(package="notebook")
class Peephole(LSTMCell):
    """Adds p * C to the sums of the three gates, with a weight p for each unit."""

    def build(self, input_shape):
        super().build(input_shape)
        self.peepholes = self.add_weight(
            shape=(3, self.units), initializer="zeros", name="peepholes"
        )

    def call(self, inputs, states, training=False):
        h_prev, c_prev = states
        p_i, p_f, p_o = ops.unstack(ops.convert_to_tensor(self.peepholes), 3)
        z = self.sums(inputs, h_prev, training)
        z_i, z_f, z_c, z_o = ops.split(z, 4, axis=-1)
        z = ops.concatenate([z_i + p_i * c_prev, z_f + p_f * c_prev, z_c, z_o], axis=-1)
        new = self.step(z, c_prev)
        h = ops.sigmoid(z_o + p_o * new.c) * ops.tanh(new.c)
        return h, [h, new.c]


keras.utils.set_random_seed(1)
peephole = build(LSTM(cell=Peephole(32), name="reader"))
peephole.fit(x, y, batch_size=64, epochs=3, verbose=2)
print("accuracy:", accuracy(peephole))

# %% [markdown]
# The peepholes began at zero. What has become of them?

# %%
weights = np.asarray(peephole.get_layer("reader").cell.peepholes)
for name, values in zip(("p_i", "p_f", "p_o"), weights, strict=True):
    print(name, "mean", values.mean().round(3), "deviation", values.std().round(3))

# %% [markdown]
# This cell computes its gates inside `call`, where nobody can see them. Its states can
# be recorded; the gates are None, and a warning says so. That is the price of `call`.

# %%
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    _, gates = record_gates(lambda: peephole(test_x[:1], training=False))
print(*{str(one.message) for one in caught}, sep="\n")
print("f:", gates["reader"].f, " c:", gates["reader"].c.shape)

# %%
peephole.save("peephole.keras")
loaded = keras.models.load_model("peephole.keras")
print("accuracy:", accuracy(peephole), accuracy(loaded))

# %% [markdown]
# ## Exercises
#
# 1. Write a cell without an output gate: `h = tanh(C)`. By `step` or by `call`? Train
#    it.
# 2. Swap the coupled model to `keras.layers.LSTM`. What happens, and why is that good?
# 3. Load `coupled.keras` in a fresh process that does not know the class `Coupled`.
#
# Solutions: `docs/notebooks/solutions/05_swap_and_change.py`.
