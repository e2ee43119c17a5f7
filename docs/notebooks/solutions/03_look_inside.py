# %% [markdown]
# ## Solutions
#
# **1.** Sorted by the mean over the units:

# %%
i, f_one = (np.asarray(values[0]).mean(axis=1) for values in (gates.i, gates.f))
for name, order in (("write", np.argsort(-i)), ("forget", np.argsort(f_one))):
    print(f"{name:7}", *(f"{sentence.split()[t]}({t})" for t in order[:6]))

# %% [markdown]
# **2.** It guesses: nothing in the rest points to a language. Beware of its
# probability: a network that never met such a sentence in training can be rather sure
# of a guess.

# %%
rest = " ".join(sentence.split()[4:])
print("whole sentence:", answer(sentence))
print("without its first four words:", answer(rest))
assert answer(sentence)[0] == "French"
assert answer(sentence)[1] > 0.9 > answer(rest)[1]

# %% [markdown]
# **3.** The mean forget gate over the words after the country, of all units. Both
# answer right; the one with `b_f = 1` holds on with fewer of its units.

# %%
keras.utils.set_random_seed(1)
plain = build_model("lstm", task, gap)
plain.compile(
    keras.optimizers.Adam(0.005, clipnorm=1.0),
    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
plain.fit(x, y, batch_size=64, epochs=4, verbose=2)
_, of_plain = record_gates(lambda: plain(eight, training=False))
for name, values in (("chrono", f), ("b_f = 1", np.asarray(of_plain["recurrent"].f))):
    mean = values[:, 4:].mean(axis=(0, 1))
    open_units = (mean > 0.9).sum()
    print(f"{name:8} mean forget gate {mean.mean():.2f}, above 0.9: {open_units} units")
assert f[:, 4:].mean() > np.mean(of_plain["recurrent"].f[:, 4:])
