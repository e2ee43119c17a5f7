"""The value that replaces masked scores before a softmax or a maximum."""

MASKED = -1e9  # finite, so that a fully masked row gives no NaN
