"""Where the files that ship with profilegen lie: beside the package in a checkout, inside it in a wheel."""

import hashlib
import os
from pathlib import Path

import platformdirs

_PACKAGE = Path(__file__).resolve().parent
# Categories are assigned to finished profiles; who is nobody is known when a file is read.
_NOT_IN_PROFILES = frozenset({"interests.toml", "nobody.txt"})


def resource(name: str) -> Path:
    """Return the path of a shipped file or folder such as `prompts` or `models/catalog.toml`.

    :param name: path relative to the repository or the package.
    :raises FileNotFoundError: the installation is incomplete.
    """
    for root in (_PACKAGE, _PACKAGE.parent):
        if (root / name).exists():
            return root / name
    raise FileNotFoundError(f"{name} is missing from this installation of profilegen; install it again")


def prompts_dir() -> Path:
    """Return the folder of templates and lists: `PROFILEGEN_PROMPTS`, else the one that ships."""
    if named := os.environ.get("PROFILEGEN_PROMPTS"):
        return Path(named)
    return resource("prompts")


def models_dir() -> Path:
    """Return the folder of downloaded models: `PROFILEGEN_MODELS`, else the checkout's, else the user's."""
    if named := os.environ.get("PROFILEGEN_MODELS"):
        return Path(named)
    catalog = resource("models/catalog.toml")
    if catalog.parent.parent != _PACKAGE:
        return catalog.parent
    return Path(platformdirs.user_data_dir("profilegen", appauthor=False)) / "models"


def prompts_hash() -> str:
    """Return a hash of the templates and lists that profiles depend on, so that edits bring profiles up to date."""
    digest = hashlib.sha256()
    for path in sorted(path for path in prompts_dir().iterdir() if path.name not in _NOT_IN_PROFILES):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]
