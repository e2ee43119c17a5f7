"""Joins JavaScript modules to one script, since a single file cannot import others.

Each module becomes a function of its own, so that equal names in two modules stay two.
Modules import names from relative paths and have no default export.
"""

import re
from pathlib import Path

from experiments.tables import ROOT

# The served page has the files of this directory beside those of serving/web.
SHARED = ROOT / "apps" / "common" / "portable" / "web"
IMPORT = re.compile(r'^import \{([^}]*)\} from "([^"]+)";.*$', re.MULTILINE)
EXPORT = re.compile(r"^export ", re.MULTILINE)
LEFT_OVER = re.compile(r"^(?:import|export)\b.*$", re.MULTILINE)


def bundle(entry, names=()):
    """Returns a JavaScript expression that runs a module and all that it imports.

    Args:
        entry: Path of the module.
        names: Exported names of it; the value of the expression is an object with them.

    Raises:
        ValueError: If modules import each other in a circle, or one has a form of
            import or export that is not known here.
    """
    sources, wanted = {}, {}
    entry = Path(entry).resolve()
    wanted[entry] = set(names)
    _collect(entry, sources, wanted, ())
    numbers = {path: f"module_{number}" for number, path in enumerate(sources)}
    modules = []
    for path, source in sources.items():
        body = IMPORT.sub(lambda match, path=path: _local(match, path, numbers), source)
        body = EXPORT.sub("", body)
        if "</script" in body.lower():
            raise ValueError(f'{path}: "</script" ends the script. Write it in parts.')
        body += f"\nreturn {{ {', '.join(sorted(wanted[path]))} }};\n"
        modules.append(f"const {numbers[path]} = (() => {{\n{body}}})();")
    joined = "\n".join(modules)
    return f'(() => {{\n"use strict";\n{joined}\nreturn {numbers[entry]};\n}})()'


def _collect(path, sources, wanted, importers):
    """Adds a module's source after those of the modules that it imports."""
    if path in importers:
        circle = " -> ".join(each.name for each in (*importers, path))
        raise ValueError(f"{path}: modules import each other in a circle: {circle}.")
    source = path.read_text(encoding="utf-8")
    for match in IMPORT.finditer(source):
        other = _resolve(path, match[2])
        wanted.setdefault(other, set()).update(name for name, _ in _pairs(match[1]))
        if other not in sources:
            _collect(other, sources, wanted, (*importers, path))
    rest = LEFT_OVER.search(EXPORT.sub("", IMPORT.sub("", source)))
    if rest or re.search("^export default", source, re.MULTILINE):
        line = rest[0] if rest else "export default"
        raise ValueError(
            f"{path}: expected `import {{ names }} from path`. Received: {line!r}."
        )
    sources[path] = source


def _resolve(path, name):
    """Returns the path of an imported module."""
    own = (path.parent / name).resolve()
    return own if own.exists() else SHARED / own.name


def _pairs(names):
    """Yields each name of an import and the name that it gets."""
    for each in names.split(","):
        if each.strip():
            name, _, local = each.strip().partition(" as ")
            yield name, local or name


def _local(match, path, numbers):
    names = ", ".join(
        name if name == local else f"{name}: {local}"
        for name, local in _pairs(match[1])
    )
    return f"const {{ {names} }} = {numbers[_resolve(path, match[2])]};"
