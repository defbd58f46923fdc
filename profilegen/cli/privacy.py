"""The command that says which pseudonym a user has: pseudonym."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from profilegen.cli.app import app
from profilegen.cli.options import Json, readable
from profilegen.publish.output import print_json, print_text


@app.command()
def pseudonym(
    keyfile: Annotated[str, typer.Argument(help="The key file of the store.", callback=readable)],
    users: Annotated[list[str], typer.Argument(help="User ids, as in the files.")],
    json_: Json = False,
) -> None:
    """Say which pseudonyms users have in a store that was built with --pseudonyms.

    Example: profilegen pseudonym ../profilegen.key maya_t
    """
    from profilegen.privacy.pseudonyms import pseudonym as pseudonym_of
    from profilegen.privacy.pseudonyms import read_key

    key = read_key(Path(keyfile))
    found = {str(readable(user)): pseudonym_of(user.strip(), key) for user in users}
    if json_:
        print_json(found)
    else:
        for user, name in found.items():
            print_text(name if len(found) == 1 else f"{name}  {user}")
