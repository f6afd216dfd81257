"""How workers may call themselves, and what they run."""

import re

# Names stand in logs, paths and HTTP fields, so they hold nothing that needs an escape there.
NAME = re.compile(r"[!-~]{1,128}")
NAME_EXPECTED = "expected 1 to 128 visible ASCII characters"
# A service or a version; empty if the worker does not say.
LABEL = re.compile(r"[!-~]{0,128}")
LABEL_EXPECTED = "expected at most 128 visible ASCII characters"
