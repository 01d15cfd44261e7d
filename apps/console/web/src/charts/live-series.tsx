import { useCallback } from "react";
import { formatClock } from "../format/times.js";
import { axis, EChart } from "./echart.js";
import type { Colours } from "./theme-colours.js";

export interface Line {
  readonly title: string;
  readonly colour: "accent" | "review" | "decline" | "approve";
}

interface LiveSeriesProps {
  readonly label: string;
  readonly lines: readonly Line[];
  /** Milliseconds since the epoch. */
  readonly timesMs: readonly number[];
  /** For each line, one value per point in time; null for no value. */
  readonly values: readonly (readonly (number | null)[])[];
}

/** A chart that grows every second. */
export function LiveSeries({ label, lines, timesMs, values }: LiveSeriesProps) {
  const option = useCallback(
    (colours: Colours) => ({
      grid: { left: 44, right: 8, top: 8, bottom: 24 },
      tooltip: { show: false },
      xAxis: axis(colours, {
        type: "time",
        splitNumber: 3,
        splitLine: { show: false },
        axisLabel: { color: colours.quiet, fontSize: 11, hideOverlap: true, formatter: formatClock },
      }),
      yAxis: axis(colours, { type: "value", splitNumber: 4 }),
      series: lines.map(({ title, colour }, line) => ({
        name: title,
        type: "line",
        silent: true,
        showSymbol: false,
        itemStyle: { color: colours[colour] },
        lineStyle: { width: 1.5 },
        data: timesMs.map((at, index) => [at, values[line]?.[index] ?? null]),
      })),
    }),
    [lines, timesMs, values],
  );
  return <EChart label={label} look="live-series" option={option} />;
}
