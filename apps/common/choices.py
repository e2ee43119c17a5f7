"""Settings that are "auto" until their run is created."""

from dataclasses import asdict, replace

AUTO = "auto"


def with_choices_of(config, run_config):
    """Returns a configuration with a run's choice for each setting that is "auto"."""
    return with_choices(config, asdict(run_config))


def with_choices(config, choices):
    """Returns a configuration whose settings of "auto" have the values given for them.

    A setting with another value keeps it.

    Args:
        config: A `Config`.
        choices: Values by section and key, a dictionary of dictionaries.
    """
    sections = {}
    for section, settings in asdict(config).items():
        names = [name for name, value in settings.items() if value == AUTO]
        values = choices.get(section, {})
        if chosen := {name: values[name] for name in names if name in values}:
            sections[section] = replace(getattr(config, section), **chosen)
    return replace(config, **sections)
