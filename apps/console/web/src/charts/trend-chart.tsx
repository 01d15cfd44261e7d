import { useCallback } from "react";
import { axis, EChart } from "./echart.js";
import type { Colours } from "./theme-colours.js";

export interface Trend {
  readonly name: string;
  readonly colour: "accent" | "bar" | "review" | "decline" | "approve" | "quiet";
  /** Bars are stacked; a dashed line is for comparison. */
  readonly look: "bar" | "line" | "dashed";
  /** One value per bucket; null for no value. */
  readonly values: readonly (number | null)[];
}

interface TrendChartProps {
  readonly label: string;
  readonly buckets: readonly string[];
  readonly trends: readonly Trend[];
  /** A short form of a value, for the axis. */
  readonly formatAxis: (value: number) => string;
  readonly format: (value: number) => string;
  /** The smallest step of the axis: 1 for counts. */
  readonly minInterval: number;
}

/** The mark of a dashed line in the legend. */
const DASHES = "path://M0,3h6v2h-6zM10,3h6v2h-6z";

/** Values by day, week or month. */
export function TrendChart({ label, buckets, trends, formatAxis, format, minInterval }: TrendChartProps) {
  const option = useCallback(
    (colours: Colours) => ({
      grid: { left: 4, right: 8, top: 30, bottom: 4, containLabel: true },
      legend: {
        top: 0,
        left: 0,
        itemWidth: 16,
        itemHeight: 8,
        textStyle: { color: colours.text, fontSize: 11 },
        data: trends.map(({ name, look }) => ({ name, icon: look === "dashed" ? DASHES : "roundRect" })),
      },
      tooltip: {
        renderMode: "richText",
        trigger: "axis",
        valueFormatter: (value: unknown) => (typeof value === "number" ? format(value) : "–"),
      },
      xAxis: axis(colours, { type: "category", data: buckets, splitLine: { show: false } }),
      yAxis: axis(colours, {
        type: "value",
        min: 0,
        splitNumber: 4,
        minInterval,
        axisLabel: { color: colours.quiet, fontSize: 11, formatter: formatAxis },
      }),
      series: trends.map(({ name, colour, look, values }) => ({
        name,
        type: look === "bar" ? "bar" : "line",
        ...(look === "bar" ? { stack: "bars", barMaxWidth: 28 } : { symbol: look === "line" ? "circle" : "none" }),
        symbolSize: 5,
        itemStyle: { color: colours[colour] },
        lineStyle: { color: colours[colour], width: 1.5, type: look === "dashed" ? "dashed" : "solid" },
        data: values,
      })),
    }),
    [buckets, trends, formatAxis, format, minInterval],
  );
  return <EChart label={label} option={option} />;
}
