"""Token ids and scores with a fixed meaning, in every engine."""

PADDING_ID, UNKNOWN_ID = 0, 1
# Replaces masked scores before a softmax or a maximum: finite, so that a fully masked
# row gives no NaN.
MASKED = -1e9
