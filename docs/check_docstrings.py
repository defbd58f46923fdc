"""Lists public functions whose docstrings do not describe each parameter.

pydoclint finds them, with its settings in pyproject.toml. It has no setting for three things, which are left out here:
it demands a section for every result, even where the first line says what is returned; it checks private classes; and
it checks methods whose parameters Python or a base class lays down (`__exit__` and the like).
"""

import re
import sys
from pathlib import Path

from click.testing import CliRunner
from pydoclint.main import main as pydoclint

ROOT = Path(__file__).parents[1]
_LAID_DOWN = re.compile(
    r"\.__(?!init__)\w+__|Settings\.settings_customise_sources|Commands\.invoke"
    r"|TimedProtocol\.(connection_made|data_received|connection_lost)"
)
_VIOLATION = re.compile(r"profilegen/(?P<place>\S+:\d+): DOC1\d\d: \w+ `(?P<name>[^_`][^`]*)`:? ?(?P<problem>.*)")


def undocumented(folder: Path = ROOT / "profilegen") -> dict[str, str]:
    """Return public functions whose docstrings and parameters differ.

    :param folder: with the modules to check.
    :return: difference by function, as in `store/store.py:113 Store.search`.
    """
    options = ["--config", str(ROOT / "pyproject.toml"), "-q", "--show-filenames-in-every-violation-message", "True"]
    printed = CliRunner().invoke(pydoclint, [*options, str(folder)], catch_exceptions=False).output
    violations = map(_VIOLATION.search, printed.splitlines())
    own = [one for one in violations if one and not _LAID_DOWN.search(one["name"])]
    return {f"{one['place']} {one['name']}": one["problem"].partition(" ). ")[2] for one in own}


def main() -> int:
    """Print such functions; return 1 where there is any, else 0."""
    functions = undocumented()
    for function, problem in functions.items():
        print(f"profilegen/{function}: {problem}")
    print(f"{len(functions)} public functions with parameters that are not documented")
    return int(bool(functions))


if __name__ == "__main__":
    sys.exit(main())
