"""Lists public functions whose docstrings do not describe each parameter: python docs/check_docstrings.py [PACKAGE …].

pydoclint finds them, with its settings in pyproject.toml. It has no setting for three things, which are left out here:
it demands a section for every result, even where the first line says what is returned; it checks private classes; and
it checks methods whose parameters Python or a base class lays down (`__exit__` and the like).
"""

import re
import sys
from collections import Counter
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


def main(packages: list[str]) -> int:
    """Print how many such functions there are in each package, and those of some packages by name.

    :param packages: names of packages, or of modules without one, such as `store` and `errors.py`.
    :return: exit status: 1 where there is any such function.
    """
    functions = undocumented()
    package_of = {function: re.split("[/:]", function)[0] for function in functions}
    for function, problem in functions.items():
        if package_of[function] in packages:
            print(f"profilegen/{function}: {problem}")
    for package, count in Counter(package_of.values()).most_common():
        print(f"{count:4} {package}")
    print(f"{len(functions):4} public functions with parameters that are not documented")
    return int(bool(functions))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
