# %% [markdown]
# ## Solutions
#
# **1.** `f ** 1000 = 0.01`, so `f = 0.01 ** 0.001 = 0.9954`, and `b_f = log(f / (1 -
# f))` is about 5.4. Chrono initialisation for sequences of 1,000 timesteps draws up to
# log(999) = 6.9.

# %%
f = 0.01 ** (1 / 1000)
print(f"f = {f:.4f}, b_f = {np.log(f / (1 - f)):.2f}")
assert 5.3 < np.log(f / (1 - f)) < 5.5

# %% [markdown]
# **2.** It does: with f = 0.73 a gap of 10 leaves some 4 % of the gradient, which is
# enough to begin with.

# %%
keras.utils.set_random_seed(1)
short = build_model("lstm", task, 10)
short.compile(
    keras.optimizers.Adam(0.005, clipnorm=1.0),
    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
)
short_x, short_y = task.make(np.random.default_rng(1), 9600, 10)
short.fit(short_x[:-512], short_y[:-512], batch_size=64, epochs=2, verbose=0)
answers = short.predict(short_x[-512:], batch_size=256, verbose=0).argmax(axis=-1)
score = np.mean(answers == short_y[-512:])
print(f"LSTM at a gap of 10: right {score:.0%}")
assert score > 0.5

# %% [markdown]
# **3.** No. Now the gradient explodes: it grows from step to step on its way back. An
# update that follows it throws the weights far away. Between vanishing and exploding
# there is only a narrow ridge. The cell state needs no such luck: its factor is a gate
# between 0 and 1, so it cannot explode, and at 1 nothing vanishes.

# %%
keras.utils.set_random_seed(1)
large = build_model("rnn", task, gap)
cell = large.get_layer("recurrent").cell
cell.recurrent_kernel.assign(3 * cell.recurrent_kernel)
exploding = gradient_norms(large, x[:32], y[:32])["h"]
usual = norms["rnn"]["h"]
draw({"simple RNN": usual, "recurrent kernel times 3": exploding})
for name, values in (("usual", usual), ("times 3", exploding)):
    print(f"{name:8} at the country, relative to the end: {values[3] / values[-1]:.1e}")
assert usual[3] / usual[-1] < 1e-5
assert exploding[3] / exploding[-1] > 1e3

# %% [markdown]
# What the notebook says about the three networks, as a check:

# %%
assert scores["chrono"] > 0.95
assert max(scores["rnn"], scores["lstm"]) < 0.3
