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
  /** What the picture shows, in a sentence. */
  readonly label: string;
  /** Its class, which gives it a height. */
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
  // Drawn again for another theme, which has other colours.
  useEffect(() => {
    const element = frame.current;
    if (element === null) return;
    const colours = coloursOf(element);
    // A tooltip in HTML would bring style attributes, which the page's policy forbids, and markup of the data.
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

/** An axis in the colours of the theme. */
export const axis = (colours: Colours, more: object = {}) => ({
  axisLine: { lineStyle: { color: colours.line } },
  axisLabel: { color: colours.quiet, fontSize: 11, hideOverlap: true },
  axisTick: { show: false },
  splitLine: { lineStyle: { color: colours.line } },
  ...more,
});
