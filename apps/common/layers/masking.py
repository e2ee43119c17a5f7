"""The value that replaces masked scores before a softmax or a maximum."""

from apps.common.portable.special import MASKED  # noqa: F401
