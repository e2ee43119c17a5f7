"""Recipes: YAML to frozen dataclasses, with strict keys and types."""

import difflib
from dataclasses import asdict, fields
from pathlib import Path
from typing import Annotated

import pydantic
import yaml

from apps.common.portable.files import atomic_write

# For the dataclasses of each app's config.py.
STRICT = pydantic.ConfigDict(extra="forbid", strict=True)
Positive = Annotated[int, pydantic.Field(gt=0)]
Count = Annotated[int, pydantic.Field(ge=0)]
Fraction = Annotated[float, pydantic.Field(ge=0, lt=1)]
Rate = Annotated[float, pydantic.Field(gt=0)]
Weight = Annotated[float, pydantic.Field(ge=0)]


def load_config(config_class, path, overrides=()):
    """Reads a recipe.

    Args:
        config_class: A dataclass of dataclasses; it holds the defaults.
        path: YAML file that says what differs from them.
        overrides: Strings `section.key=value`; the value is read as YAML.

    Returns:
        An instance of `config_class`.

    Raises:
        ValueError: One line that names the place, what was expected and what came.
    """
    sections = {field.name: field.type for field in fields(config_class)}
    values = _read(path, sections)
    for override in overrides:
        key, _, value = override.partition("=")
        section, _, name = key.partition(".")
        if section not in sections or not name:
            raise ValueError(
                f"{override}: expected section.key=value with one of the sections "
                f"{', '.join(sections)}."
            )
        try:
            values.setdefault(section, {})[name] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            reason = " ".join(str(error).split())
            raise ValueError(f"{key}: the value is not YAML: {reason}") from None
    made = {}
    for section, keys in values.items():
        try:
            made[section] = sections[section](**keys)
        except pydantic.ValidationError as error:
            key, reason = _explain(error.errors()[0], sections[section])
            overridden = any(o.startswith(f"{section}.{key}=") for o in overrides)
            where = "command line" if overridden else path
            raise ValueError(f"{where}: {section}: {reason}") from None
    try:
        return config_class(**made)
    except pydantic.ValidationError as error:  # of its __post_init__
        reason = error.errors()[0]["ctx"]["error"]
        raise ValueError(str(reason)) from None


def save_config(config, path):
    """Writes a configuration whole, defaults included."""
    with atomic_write(path) as temporary:
        temporary.write_text(yaml.safe_dump(asdict(config), sort_keys=False))


def differences(old, new):
    """Returns a line for each `section.key` on which two configurations differ."""
    old, new = asdict(old), asdict(new)
    return [
        f"{section}.{key} was {old[section][key]!r} and is now {value!r}"
        for section, values in new.items()
        for key, value in values.items()
        if old[section][key] != value
    ]


def closest(word, known):
    """Returns " Did you mean ...?" if a known word is close, else nothing."""
    match = difflib.get_close_matches(word, known, n=1)
    return f" Did you mean {match[0]!r}?" if match else ""


def _read(path, sections):
    try:
        values = yaml.safe_load(Path(path).read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(values, dict):
        raise ValueError(f"{path}: expected sections with keys. Received: {values!r}.")
    for section, keys in values.items():
        if section not in sections:
            raise ValueError(
                f"{path}: unknown section {section!r}."
                f"{closest(str(section), sections)} "
                f"Known sections: {', '.join(sections)}."
            )
        if not isinstance(keys, dict):
            raise ValueError(
                f"{path}: {section}: expected keys with values. Received: {keys!r}."
            )
        for key in keys:
            if not isinstance(key, str):
                raise ValueError(
                    f"{path}: {section}: expected a word as key. Received: {key!r}."
                )
    return values


def _explain(error, section_class):
    """Returns the key that pydantic refuses, and why, in a line."""
    key = str(error["loc"][0])
    if error["type"] == "unexpected_keyword_argument":
        known = [field.name for field in fields(section_class)]
        return key, (
            f"unknown key {key!r}.{closest(key, known)} Known keys: {', '.join(known)}."
        )
    message = error["msg"][0].lower() + error["msg"][1:]
    hint = ""
    if isinstance(error["input"], str) and "number" in message:
        hint = " (YAML reads 1e-3 as text; write 0.001)"
    return key, f"{key}: {message}. Received: {error['input']!r}{hint}."
