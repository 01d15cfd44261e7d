import { useCallback } from "react";
import type { CardUsual } from "#contract/cases";
import { formatMoney, formatShortMoney } from "../format/numbers.js";
import { formatDayOfMonth, formatShortMoment } from "../format/times.js";
import { axis, EChart } from "./echart.js";
import type { Colours } from "./theme-colours.js";

interface AmountChartProps {
  readonly usual: CardUsual;
  readonly atMs: number;
  readonly amountMinor: number;
  readonly currency: string;
  readonly label: string;
}

/** Earlier amounts as dots, the baseline as a band, and this payment as a larger mark of another shape. */
export function AmountChart({ usual, atMs, amountMinor, currency, label }: AmountChartProps) {
  const option = useCallback(
    (colours: Colours) => ({
      grid: { left: 36, right: 10, top: 8, bottom: 20 },
      xAxis: axis(colours, {
        type: "time",
        splitNumber: 3,
        splitLine: { show: false },
        axisLabel: { color: colours.quiet, fontSize: 11, hideOverlap: true, formatter: formatDayOfMonth },
      }),
      yAxis: axis(colours, {
        // Most amounts are small. On a linear axis, an unusually large one would make them indistinguishable.
        type: "log",
        axisLabel: {
          color: colours.quiet,
          fontSize: 11,
          formatter: (minor: number) => formatShortMoney(minor, currency),
        },
      }),
      tooltip: {
        renderMode: "richText",
        formatter: ({ value }: { value: readonly [number, number] }) =>
          `${formatMoney(value[1], currency)}\n${formatShortMoment(value[0])}`,
      },
      series: [
        {
          type: "scatter",
          symbolSize: 5,
          itemStyle: { color: colours.bar, opacity: 0.8 },
          data: usual.amounts.filter((one) => one.amountMinor > 0).map((one) => [one.atMs, one.amountMinor]),
          markArea: {
            silent: true,
            itemStyle: { color: colours.accent, opacity: 0.12 },
            data: [[{ yAxis: Math.max(1, usual.amountP05Minor ?? 1) }, { yAxis: usual.amountP95Minor ?? 0 }]],
          },
        },
        {
          type: "scatter",
          symbol: "diamond",
          symbolSize: 13,
          itemStyle: { color: colours.decline },
          data: [[atMs, amountMinor]],
        },
      ],
    }),
    [usual, atMs, amountMinor, currency],
  );
  return <EChart label={label} look="chart low" option={option} />;
}
