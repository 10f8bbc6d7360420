"""What things of the stack look like as JSON: the face that all of them share."""

import json
from typing import Any


class Documented:
    """Something with a `to_dict()`, and therefore with a `to_json()`."""

    def to_dict(self) -> dict[str, Any]:
        """It as JSON data."""
        raise NotImplementedError

    def to_json(self) -> str:
        """It as JSON text."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False)
