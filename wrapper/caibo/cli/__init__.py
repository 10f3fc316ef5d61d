"""Change customers from a shell: the command ``caibo``, which comes with the extra ``caibo[cli]``.

It is built on the public names of this package, and loads what the extra brings only when
it runs.  See ``docs/cli.md``.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

_EXTRA = ("cyclopts", "rich")
_MISSING = (
    "caibo: the command needs what the extra caibo[cli] brings: "
    "python -m pip install 'cyclopts>=5,<6' 'rich>=14'\n"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command, and return its exit status.

    Args:
        arguments: of the command line, without the program's name.
    """
    try:
        from caibo.cli._app import run
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _EXTRA:
            raise
        sys.stderr.write(_MISSING)
        return 2
    except KeyboardInterrupt:  # while it loads
        return 130
    return run(sys.argv[1:] if arguments is None else list(arguments))
