"""Reads JSON whose lists of numbers are long: straight into arrays.

`load_numbers` takes a fifth of the time of `body.load_json`, which makes an object of
each number. It refuses whatever it is not sure of, wrong or not: `load_json` and its
messages decide then.
"""

import numpy as np
import simdjson

LIST_BYTES = 64  # of a body for each of its lists; shorter lists gain nothing
MAX_MEMBERS = 64  # of an object; the time to find them grows with their square
FLOATS = {  # bits of the digits, and the largest number
    "float64": (53, float.fromhex("0x1.fffffffffffffp1023")),
    "float32": (24, float.fromhex("0x1.fffffep127")),
    "bfloat16": (8, float.fromhex("0x1.fep127")),  # NumPy's once TensorFlow is loaded
    "float16": (11, 65504.0),
}


def load_numbers(body):
    """Parses bytes as JSON as `load_json` does, but for the lists of numbers.

    Returns:
        The value. A list that begins with a number is an array: int64 if all its
        numbers are written as integers, else float64.

    Raises:
        ValueError: If `load_json` must parse the body.
    """
    lists, found = np.count_nonzero(np.frombuffer(body, np.uint8) == ord("[")), 0
    if lists * LIST_BYTES > len(body):
        raise ValueError("the lists are short")

    def plain(value):
        nonlocal found
        if isinstance(value, simdjson.Object):
            return {name: plain(value[name]) for name in _names(value)}
        if not isinstance(value, simdjson.Array):
            return value
        found += 1
        if len(value) and type(value[0]) in (int, float):
            return _numbers(value)
        return [plain(item) for item in value]

    try:
        value = plain(simdjson.Parser().parse(body))
    except (RuntimeError, TypeError) as error:  # such as too deep, or null in a list
        raise ValueError(f"{error}") from None
    if found != lists:  # a list between numbers: `as_buffer` hides it
        raise ValueError("a list between numbers, or a bracket in a text")
    return value


def _names(members):
    """Returns each name in an object once; `members[name]` is its first member."""
    if len(members) > MAX_MEMBERS:
        raise ValueError("an object of many members")
    names = dict.fromkeys(members.keys())
    if any("\0" in name for name in names):
        raise ValueError("a name that `members[name]` cuts off")
    return names


def _numbers(items):
    """Returns a list of numbers as an array."""
    if type(items[0]) is int:
        try:
            return np.frombuffer(items.as_buffer(of_type="i"), np.int64)
        except (TypeError, ValueError):  # one is a float, or has more bits
            pass
    return np.frombuffer(items.as_buffer(of_type="d"), np.float64)


def cast(numbers, dtype):
    """Returns an array of `load_numbers` as one of another type.

    Raises:
        ValueError: If a number is of another type or out of range, may lose digits, or
            may have been written as an integer that does.
    """
    low, high = int(numbers.min()), int(numbers.max())
    if dtype in FLOATS:
        limit = 1 << FLOATS[dtype][0]
        sure = -limit < low and high < limit
    else:
        sure = numbers.dtype == np.int64 and np.dtype(dtype).kind in "iu"
        sure = sure and np.iinfo(dtype).min <= low and high <= np.iinfo(dtype).max
    if not sure:
        raise ValueError(f"a number may be no {dtype}")
    return numbers.astype(dtype)
