#!/usr/bin/env python3
"""Write the table of wet bulbs in which feeds interpolate: PsychroLib's values."""

from mara.core.climate import wet_bulb_c
from mara.feeds.synthetic.humidity import DRY_BULBS_C, HUMIDITIES_SHARE, TABLE

if __name__ == "__main__":
    rows = [[wet_bulb_c(t, share) for share in HUMIDITIES_SHARE.tolist()] for t in DRY_BULBS_C.tolist()]
    TABLE.write_text("".join(",".join(map(repr, row)) + "\n" for row in rows), encoding="utf-8")
