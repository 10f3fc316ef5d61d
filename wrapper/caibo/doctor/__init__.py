"""Find out how a gateway behaves, and which of our assumptions about it hold.

    from caibo import doctor

    report = doctor.examine(client, 12345)
    print(report)

With ``write=True`` it writes as well, on a customer that may be spoilt, and restores what
it changed.  See ``docs/doctor.md``.
"""

from caibo.doctor._records import Send as Send
from caibo.doctor._report import Finding as Finding
from caibo.doctor._report import Report as Report
from caibo.doctor._verbs import aexamine as aexamine
from caibo.doctor._verbs import examine as examine

__all__ = ["Finding", "Report", "Send", "aexamine", "examine"]
