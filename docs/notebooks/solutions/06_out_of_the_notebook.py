# %% [markdown]
# ## Solutions
#
# **1.** They differ by rounding, and no label changes.

# %%
with open("sentences.csv", encoding="utf-8") as file:
    texts = [row["text"] for row in csv.DictReader(file)]
by_keras = Predictor.load(RUN).predict(texts)
by_onnx = onnx({"text": np.array([one.encode() for one in texts], object)})
probabilities = np.array([[*one["probabilities"].values()] for one in by_keras])
print("largest difference:", np.abs(probabilities - by_onnx["probabilities"]).max())
np.testing.assert_allclose(probabilities, by_onnx["probabilities"], atol=1e-5)
assert [one["label"] for one in by_keras] == [one.decode() for one in by_onnx["label"]]

# %% [markdown]
# **2.** The second is served: the highest number is. A version that is rolled back
# loses its name, and its number is not used again.

# %%
from serving.publish import roll_back

second = publish(RUN, Path("models"))
print("published:", second)
print("rolled back to:", roll_back("sentences", Path("models")))
assert not second.exists()

# %% [markdown]
# **3.** The mean is over the units. It is highest at the word that decides the answer,
# by a little: this model was trained for seconds.

# %%
(layer,) = (name.removesuffix("_tokens") for name in gates if name.endswith("_tokens"))
means = gates[f"{layer}_i"][0].mean(axis=-1)
for token, mean in zip(gates[f"{layer}_tokens"][0], means, strict=True):
    print(f"{token:10} {mean:.2f}")

# %% [markdown]
# What the notebook says, as a check:

# %%
assert "probabilities" in result.stdout, result.stderr
assert predicted["label"] == "good"
for probabilities in answers.values():
    np.testing.assert_allclose(probabilities, answers["Keras"], atol=1e-5)
assert means.argmax() == len(means) - 1
