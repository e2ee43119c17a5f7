"""Settings of a model that are "auto" until its run is created."""

from dataclasses import asdict, replace

AUTO = "auto"


def with_choices_of(config, run_config):
    """Returns a configuration with a run's choice for each model setting of "auto"."""
    settings = asdict(config).get("model", {})
    names = [name for name, value in settings.items() if value == AUTO]
    if not names:
        return config
    chosen = {name: getattr(run_config.model, name) for name in names}
    return replace(config, model=replace(config.model, **chosen))
