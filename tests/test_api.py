from __future__ import annotations

import re
import subprocess
import sys

import pytest

import profilegen
from profilegen.records import Record


@pytest.mark.parametrize("name", profilegen.__all__)
def test_every_name_of_the_package_can_be_imported_and_is_listed(name: str) -> None:
    assert getattr(profilegen, name).__doc__
    assert name in dir(profilegen)


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'profilegen' has no attribute 'nothing'"):
        _ = profilegen.nothing


@pytest.mark.parametrize("record", [profilegen.UserProfile, profilegen.Segment, profilegen.BuildReport])
def test_the_records_inside_records_can_be_imported_from_the_package(record: type[Record]) -> None:
    inside = re.findall(
        r"profilegen\.records\.(\w+)", str([field.annotation for field in record.model_fields.values()])
    )
    assert inside
    assert {*inside} <= {*profilegen.__all__}


def test_importing_the_package_imports_no_other_package() -> None:
    script = "import sys; before = {*sys.modules}; import profilegen; print(*{*sys.modules} - before)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    packages = {name.partition(".")[0] for name in done.stdout.split()}
    assert packages - sys.stdlib_module_names == {"profilegen"}
