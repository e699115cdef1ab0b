"""The named statements as they are run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from warmline.stores.queries import Binding, binding_of, load_all_queries


class Statement(NamedTuple):
    """SQL, what binds its values, and whether it looks at deliveries."""

    sql: str
    bound: Binding
    looks_at_deliveries: bool


STATEMENTS: Mapping[str, Statement] = {
    name: Statement(sql, binding_of(sql), re.search(r"\bdelivery\b", sql) is not None)
    for name, sql in load_all_queries().items()
}
