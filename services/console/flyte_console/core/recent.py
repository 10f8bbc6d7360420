"""The runs that have changed lately, for those who come back and name the sequence they were told last."""

from flyte_console.answers.runs import RunRow


class RecentRuns:
    """Rows by name, the last change last; all changes after `floor` are there, but for what was let go.

    `tick` counts the rows that were put, `gone` is the last tick that may be missing. A row's stamp is the
    sequence that it reflects, doubled, and one more where that had been told before (see `core.rows`).
    """

    def __init__(self, floor: int, limit: int) -> None:
        self._rows: dict[str, tuple[int, int, RunRow]] = {}
        self._limit = limit
        self._floor = floor
        self.as_of = floor
        self.tick = 0
        self.gone = 0

    def put(self, rows: list[RunRow], as_of: int) -> None:
        """Take in what some runs look like at this place of the log."""
        stamp = 2 * as_of + (as_of <= self.as_of)
        self.as_of = max(self.as_of, as_of)
        for row in rows:
            self.tick += 1
            self._rows.pop(row.name, None)
            self._rows[row.name] = (self.tick, stamp, row)
        while len(self._rows) > self._limit:
            self.gone, stamp, _ = self._rows.pop(next(iter(self._rows)))
            self._floor = max(self._floor, stamp // 2)

    def changed_after(self, tick: int) -> list[RunRow]:
        """The rows that were put after this tick, the oldest first."""
        found = []
        for at, _, row in reversed(self._rows.values()):
            if at <= tick:
                break
            found.append(row)
        found.reverse()
        return found

    def tick_of(self, sequence: int) -> int | None:
        """Up to which tick somebody knows all who was told this sequence last; None: that is not known."""
        if sequence < self._floor:
            return None
        for at, stamp, _ in reversed(self._rows.values()):
            if stamp <= 2 * sequence:
                return at
        return self.gone
