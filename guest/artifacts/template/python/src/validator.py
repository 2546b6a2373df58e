"""What the component exports: the rule, joined to the host it runs in.

Only this file needs a host, which gives the package `wit_world`; all others run in any Python.
"""

from wit_world.imports import current, types

import rule
import sluice

Validator = sluice.exported(
    rule,
    current,
    types,
    name="{name}",
    version="0.1.0",
    summary="Refuses pools larger than the database takes, and pools that grow too fast",
)
