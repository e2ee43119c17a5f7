# %% [markdown]
# ## Solutions
#
# **1.** By `step`: the sums stay as they are. The output gate is 1, so that whoever
# records the gates sees the truth.


# %%
@keras.saving.register_keras_serializable(package="notebook")
class NoOutputGate(LSTMCell):
    """Shows the whole cell state: o = 1."""

    def step(self, z, c_prev):
        new = super().step(z, c_prev)
        return new._replace(o=ops.ones_like(new.o), h=ops.tanh(new.c))


keras.utils.set_random_seed(1)
shown = build(LSTM(cell=NoOutputGate(32), name="reader"))
shown.fit(x, y, batch_size=64, epochs=3, verbose=2)
_, gates = record_gates(lambda: shown(test_x[:1], training=False))
print("accuracy:", accuracy(shown))
np.testing.assert_array_equal(gates["reader"].o, 1)
np.testing.assert_allclose(gates["reader"].h, np.tanh(gates["reader"].c), atol=1e-6)

# %% [markdown]
# **2.** It is refused: Keras's layer has no such cell. A copy that computes something
# else without a word would be worse.

# %%
try:
    swap(coupled, to=keras.layers.LSTM)
except ValueError as error:
    refusal = str(error)
print(refusal)
assert "reader" in refusal

# %% [markdown]
# **3.** The load fails and names the class. In your own programs put the cell into a
# module, and import that module before `load_model`.

# %%
program = """
import re, keras, lstm_layer
try:
    keras.models.load_model("coupled.keras")
except TypeError as error:
    print(re.search("Could not locate class .*?[.]", str(error)).group())
"""
result = subprocess.run(
    [sys.executable, "-c", program], capture_output=True, text=True, check=True
)
print(result.stdout)
assert "Coupled" in result.stdout

# %% [markdown]
# What the notebook says, as a check:

# %%
assert difference.max() < 1e-4
assert min(accuracy(model) for model in (ours, coupled, peephole, shown)) > 0.9
assert np.abs(weights).max() > 0.01
