"""A lake in a folder, written in the layout of docs/adr/0011-the-lake-has-a-log.md."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.table import Table

TOPIC = "applied-labels"
DAYS = ("2026-03-01", "2026-03-02")


@dataclass
class Lake:
    """Each entry adds rows of partition 0 to both days, so the number of rows equals the position."""

    folder: Path
    sequence: int = 0
    position: int = 0
    run: str = "a"
    live: dict[str, set[int]] = field(default_factory=lambda: {day: set() for day in DAYS})

    @property
    def topic(self) -> Path:
        return self.folder / TOPIC

    def add(self, rows: int = 4, *, staged: bool = False, columns: dict[str, pa.DataType] | None = None) -> None:
        self.sequence += 1
        for index, day in enumerate(DAYS):
            offsets = range(self.position + index * rows // 2, self.position + (index + 1) * rows // 2)
            table = pa.table(
                {
                    "kafka_partition": pa.array([0] * len(offsets), pa.int32()),
                    "kafka_offset": pa.array(offsets, pa.int64()),
                    "label_id": [f"lbl_{offset}" for offset in offsets],
                    "sequences": pa.array([[offset, 0] for offset in offsets], pa.list_(pa.int64())),
                    **{name: pa.array([None] * len(offsets), kind) for name, kind in (columns or {}).items()},
                }
            )
            self._write(day, table, staged=staged)
        self.position += rows
        self._log([{"day": day, "staged": "p0-0-x.staged", "rows": rows // 2} for day in DAYS], [])

    def compact(self, day: str) -> None:
        """Merges all files of a day into one."""
        old = sorted(self.live[day])
        table = pa.concat_tables([pq.read_table(self._path(day, one)) for one in old], promote_options="default")
        self.sequence += 1
        self._write(day, table)
        self._log(
            [{"day": day, "staged": "c-x.staged", "rows": table.num_rows}],
            [{"day": day, "sequence": one} for one in old],
        )
        for one in old:
            self._path(day, one).unlink()
        self.live[day] = {self.sequence}

    def _write(self, day: str, table: pa.Table, *, staged: bool = False) -> None:
        path = self._path(day, self.sequence)
        path.parent.mkdir(parents=True, exist_ok=True)
        if not staged:
            pq.write_table(table, path, compression="zstd")
        self.live[day].add(self.sequence)

    def _log(self, files: list[dict[str, object]], replaces: list[dict[str, object]]) -> None:
        entry = {
            "format": 2 if replaces else 1,
            "id": f"{self.run}{self.sequence:015}",
            "source": {"cluster": "c", "topic": TOPIC},
            "positions": {"0": self.position},
            "files": files,
            "replaces": replaces,
        }
        path = self.topic / "_log" / f"{self.sequence:016}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(entry))

    def _path(self, day: str, sequence: int) -> Path:
        return self.topic / f"day={day}" / f"{sequence:016}.parquet"


def offsets(table: Table) -> list[int]:
    return sorted(table.scan(selected_fields=("kafka_offset",)).to_arrow()["kafka_offset"].to_pylist())
