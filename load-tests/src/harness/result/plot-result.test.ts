import { plotResult } from "./plot-result.js";
import type { BenchResult } from "./result-file.js";

const spread = (median: number) => ({ median, low: median - 1, high: median + 1, values: [] });

const result: BenchResult = {
  format: 1,
  name: "sorting",
  date: "2026-11-24T10:00:00.000Z",
  durationS: 3,
  commit: "abc+",
  versions: {},
  machine: { cpu: "a <fast> one", cores: 2, memoryGb: 4, system: "Linux", loadAverage: 0.5 },
  parts: [
    {
      name: "sort",
      title: "long beside short",
      notes: ["Both sort in place."],
      summary: {},
      contestants: [
        { name: "short", rounds: 3, figures: { ops_per_s: spread(1_000), p99_ms: spread(7), wall_ms: spread(9) } },
        { name: "long", rounds: 3, figures: { ops_per_s: spread(500) } },
      ],
    },
    { name: "memory", title: "no figure that is plotted", notes: [], summary: {}, contestants: [] },
  ],
};

test("a result becomes a page with a plot for each main figure", () => {
  const page = plotResult(result);
  const titles = [...page.matchAll(/<figcaption>([^<]+)/g)].map(([, title]) => title);
  expect(titles).toEqual(["Throughput (ops_per_s)", "Latency, 99th percentile (p99_ms)"]);
  expect(page).toContain("1,000 (999–1,001)");
  expect(page).toContain("<h2>memory: no figure that is plotted</h2>");
  expect(page).toContain("a &lt;fast&gt; one");
  expect(page).toContain("<li>Both sort in place.</li>");
  expect(page).not.toContain("NaN");
});
