# %% [markdown]
# ## Solutions
#
# **1.** With a shut forget gate each cell state is only what this timestep wrote. The
# value is there at "write" and gone one timestep later, long before "show".

# %%
draw({"all gates work": LSTMCell(1), "forget gate shut": Held("f", 0)})
gates = gates_of(set_memory(Held("f", 0)), x)
assert abs(gates.c[0, 2, 0]) > 0.1
assert np.abs(gates.c[0, 3:10, 0]).max() < 1e-3

# %% [markdown]
# **2.** `f ** 100 = 0.5`, so `f = 0.5 ** 0.01`. The sigmoid of `b_f` is `f`, so `b_f =
# log(f / (1 - f))`, about 5. A new cell's `b_f = 1` leaves nothing after a hundred
# timesteps.

# %%
f = 0.5 ** (1 / 100)
b_f = np.log(f / (1 - f))
cell = LSTMCell(1)
cell.build((1, 1))
cell.set_weights([np.zeros((1, 4)), np.zeros((1, 4)), np.array([0, b_f, 0, 0])])
gates = gates_of(
    cell, np.zeros((1, 100, 1), "float32"), [np.zeros((1, 1)), np.ones((1, 1))]
)
print(f"b_f = {b_f:.2f} leaves {float(gates.c[0, -1, 0]):.3f}")
print(f"b_f = 1.00 leaves {sigmoid(1) ** 100:.0e}")
np.testing.assert_allclose(gates.c[0, -1, 0], 0.5, atol=1e-3)

# %% [markdown]
# **3.** The forget gate is always open, and so is the input gate; the candidate is
# tanh(10 x): 0 for 0, and nearly 1 for 1. `h = o * tanh(C)` is below 1 whatever `C` is:
# tanh(3) and tanh(4) are hardly different.

# %%
counter = LSTMCell(1)
counter.build((1, 1))
kernel, bias = np.array([[0, 0, 10, 0]]), np.array([12, 12, 0, 12])
counter.set_weights([kernel, np.zeros((1, 4)), bias])
ones = np.array([0, 1, 1, 0, 0, 1, 0, 1, 1, 1], "float32")
gates = gates_of(counter, ones.reshape(1, -1, 1))
print("input ", ones.astype(int))
print("C     ", np.asarray(gates.c[0, :, 0]).round(2))
print("h     ", np.asarray(gates.h[0, :, 0]).round(2))
np.testing.assert_allclose(gates.c[0, :, 0], np.cumsum(ones), atol=0.01)
