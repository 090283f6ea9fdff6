"""`python -m renkei_kintone.simulator simulate`: the same as `renkei-kintone simulate`."""

import sys

from renkei_kintone.simulator.command import main

sys.exit(main())
