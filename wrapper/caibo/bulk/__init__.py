"""Change thousands of customers, and go on where a run ended.

    from caibo import bulk

    rows = bulk.read_csv("customers.csv", empty="keep")
    report = bulk.update(client, rows, journal="run.jsonl", backup="before.jsonl", workers=8)

The same call with the same journal resumes: what is finished is skipped, and what may
have been written is looked at first.  See ``docs/bulk.md``.
"""

from caibo.bulk._journal import status as status
from caibo.bulk._report import Failure as Failure
from caibo.bulk._report import Pause as Pause
from caibo.bulk._report import Progress as Progress
from caibo.bulk._report import Report as Report
from caibo.bulk._report import RunStoppedError as RunStoppedError
from caibo.bulk._rows import Row as Row
from caibo.bulk._rows import Rows as Rows
from caibo.bulk._verbs import aundo as aundo
from caibo.bulk._verbs import aupdate as aupdate
from caibo.bulk._verbs import read_csv as read_csv
from caibo.bulk._verbs import read_jsonl as read_jsonl
from caibo.bulk._verbs import undo as undo
from caibo.bulk._verbs import update as update

__all__ = [
    "Failure",
    "Pause",
    "Progress",
    "Report",
    "Row",
    "Rows",
    "RunStoppedError",
    "aundo",
    "aupdate",
    "read_csv",
    "read_jsonl",
    "status",
    "undo",
    "update",
]
