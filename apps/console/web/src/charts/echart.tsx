import { BarChart, LineChart, ScatterChart } from "echarts/charts";
import { GridComponent, LegendComponent, MarkAreaComponent, TooltipComponent } from "echarts/components";
import type { EChartsCoreOption, EChartsType } from "echarts/core";
import { init, use } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";
import { useEffect, useRef } from "react";
import type { Colours } from "./theme-colours.js";
import { coloursOf, useThemeChanges } from "./theme-colours.js";

use([
  BarChart,
  LineChart,
  ScatterChart,
  GridComponent,
  LegendComponent,
  MarkAreaComponent,
  TooltipComponent,
  CanvasRenderer,
]);

interface EChartProps {
  /** A description of the chart, in a sentence. */
  readonly label: string;
  /** CSS class that sets the height. */
  readonly look?: "chart" | "chart low" | "live-series";
  readonly option: (colours: Colours) => EChartsCoreOption;
}

export function EChart({ label, look = "chart", option }: EChartProps) {
  const frame = useRef<HTMLDivElement>(null);
  const chart = useRef<EChartsType>(undefined);
  const theme = useThemeChanges();
  useEffect(() => {
    const element = frame.current;
    if (element === null) return;
    const drawn = init(element);
    chart.current = drawn;
    const observer = new ResizeObserver(() => drawn.resize());
    observer.observe(element);
    return () => {
      observer.disconnect();
      drawn.dispose();
    };
  }, []);
  // Redraw when the theme changes, because the colours differ.
  useEffect(() => {
    const element = frame.current;
    if (element === null) return;
    const colours = coloursOf(element);
    // An HTML tooltip would need style attributes, which the page's policy forbids, and would render data as markup.
    const shared = {
      animation: false,
      textStyle: { fontFamily: getComputedStyle(element).fontFamily },
      tooltip: {
        renderMode: "richText",
        backgroundColor: colours.surface,
        borderColor: colours.line,
        textStyle: { color: colours.text, fontSize: 12 },
      },
    };
    chart.current?.setOption({ ...shared, ...option(colours) }, { notMerge: true });
  }, [option, theme]);
  return <div ref={frame} className={look} role="img" aria-label={label} />;
}

/** An axis in the theme's colours. */
export const axis = (colours: Colours, more: object = {}) => ({
  axisLine: { lineStyle: { color: colours.line } },
  axisLabel: { color: colours.quiet, fontSize: 11, hideOverlap: true },
  axisTick: { show: false },
  splitLine: { lineStyle: { color: colours.line } },
  ...more,
});
