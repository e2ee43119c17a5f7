"""Hooks of MkDocs for `make docs`: docstrings, and what lies outside docs/."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
API = {
    "api.md": ("lstm_layer", ["lstm_layer.LSTM", "lstm_layer.LSTMCell"]),
    "api_step.md": (
        "The equations, gates and exchange of layers",
        ["lstm_layer.step", "lstm_layer.gates", "lstm_layer.swap"],
    ),
}
LINK = re.compile(r"(!?)\[([^\]]*)\]\(\.\./([^)#\s]+)(#[^)\s]*)?\)")


def on_files(files, config):
    """Adds the pages of the layer's docstrings, and pictures of results."""
    from mkdocs.structure.files import File  # in the environment of `make docs` alone

    for name, (title, objects) in API.items():
        content = f"# {title}\n\n" + "\n".join(f"::: {one}\n" for one in objects)
        files.append(File.generated(config, name, content=content))
    for path in sorted((ROOT / "experiments" / "results").glob("*.png")):
        name = f"results/{path.name}"
        files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown, page, config, files):
    """Replaces links to files outside docs/ by their paths; keeps result pictures."""

    def replaced(match):
        image, text, path, _ = match.groups()
        if image and path.startswith("experiments/results/"):
            return f"![{text}](results/{Path(path).name})"
        return f"{text} (`{path}`)" if text.strip("`") != path else text

    return LINK.sub(replaced, markdown)
