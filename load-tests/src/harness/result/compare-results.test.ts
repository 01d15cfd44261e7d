import { compareResults, printComparison } from "./compare-results.js";
import type { BenchResult } from "./result-file.js";

function resultWith(medians: Record<string, number>, change: Partial<BenchResult> = {}): BenchResult {
  const spread = (median: number) => ({ median, low: median / 2, high: median * 2 });
  const figures = Object.entries(medians).map(([name, median]) => [name, { ...spread(median), values: [median] }]);
  return {
    format: 1,
    name: "sorting",
    date: "2026-03-01T10:00:00.000Z",
    durationS: 1,
    commit: "abc",
    machine: { cpu: "a", cores: 2, memoryGb: 8, system: "Linux", loadAverage: 0 },
    versions: { node: "v24" },
    parts: [
      {
        name: "read",
        title: "",
        notes: [],
        contestants: [{ name: "ours", rounds: 1, figures: Object.fromEntries(figures) }],
        summary: { rps_ratio: spread(medians.ops_per_s ?? 1) },
      },
    ],
    ...change,
  };
}

test("divides the old median by the new one", () => {
  const { figures } = compareResults(
    resultWith({ ops_per_s: 100, cpu_us_per_op: 30 }),
    resultWith({ ops_per_s: 200, cpu_us_per_op: 10 }),
  );
  expect(figures).toEqual([
    { figure: "read / ours / ops_per_s", old: 100, new: 200, ratio: 0.5 },
    { figure: "read / ours / cpu_us_per_op", old: 30, new: 10, ratio: 3 },
    { figure: "read / rps_ratio", old: 100, new: 200, ratio: 0.5 },
  ]);
});

test("lists figures that only one run has", () => {
  const found = compareResults(resultWith({ gone: 1, same: 1 }), resultWith({ same: 1, fresh: 1 }));
  expect(found.onlyOld).toEqual(["read / ours / gone"]);
  expect(found.onlyNew).toEqual(["read / ours / fresh"]);
  expect(found.figures.map(({ figure }) => figure)).toEqual(["read / ours / same", "read / rps_ratio"]);
});

test("lists other differences between the runs", () => {
  const { machine } = resultWith({});
  const newer = resultWith({}, { machine: { ...machine, cores: 8, loadAverage: 3 }, versions: { feast: "0.67" } });
  expect(compareResults(resultWith({}), newer).differences).toEqual([
    "cores: 2 before, 8 now",
    "version of node: v24 before, none now",
    "version of feast: none before, 0.67 now",
  ]);
});

test("prints the comparison as a Markdown table", () => {
  const found = compareResults(resultWith({ ops_per_s: 100, gone: 1 }), resultWith({ ops_per_s: 150 }));
  expect(printComparison(found).split("\n")).toEqual([
    "| figure | old | new | old / new |",
    "| --- | ---: | ---: | ---: |",
    "| read / ours / ops_per_s | 100 | 150 | 0.667 |",
    "| read / rps_ratio | 100 | 150 | 0.667 |",
    "",
    "- only in the old run: read / ours / gone",
  ]);
});
