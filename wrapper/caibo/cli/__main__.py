"""Run the command without its script: ``python -m caibo.cli``."""

import sys

from caibo.cli import main

sys.exit(main())
