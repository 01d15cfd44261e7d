import { useEffect, useRef } from "react";
import uPlot from "uplot";
import { formatClock } from "../format/times.js";
import { coloursOf, useThemeChanges } from "./theme-colours.js";
import "uplot/dist/uPlot.min.css";

export interface Line {
  readonly title: string;
  readonly colour: "accent" | "review" | "decline" | "approve";
}

interface LiveSeriesProps {
  readonly label: string;
  readonly lines: readonly Line[];
  /** Seconds since the epoch, then the values of each line. */
  readonly data: uPlot.AlignedData;
}

const HEIGHT_PX = 150;
const writeTimes = (_: uPlot, seconds: readonly number[]): string[] => seconds.map((at) => formatClock(at * 1_000));
const FONT = "11px system-ui, sans-serif";

/** A series that grows by the second. Drawn by uPlot, which takes next to no time for it. */
export function LiveSeries({ label, lines, data }: LiveSeriesProps) {
  const frame = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const newest = useRef(data);
  const theme = useThemeChanges();
  // Drawn again for another theme, which has other colours.
  useEffect(() => {
    const element = frame.current;
    if (element === null) return;
    const colours = coloursOf(element);
    const axis = {
      stroke: colours.quiet,
      font: FONT,
      grid: { stroke: colours.line, width: 1 },
      ticks: { show: false },
    };
    const drawn = new uPlot(
      {
        width: element.clientWidth,
        height: HEIGHT_PX,
        legend: { show: false },
        cursor: { show: false },
        axes: [
          { ...axis, grid: { show: false }, values: writeTimes, space: 90, size: 24 },
          { ...axis, size: 44 },
        ],
        scales: { y: { range: (_, low, high) => [Math.min(0, low), Math.max(1, high * 1.1)] } },
        series: [
          {},
          ...lines.map(({ title, colour }) => ({
            label: title,
            stroke: colours[colour],
            width: 1.5,
            points: { show: false },
          })),
        ],
      },
      newest.current,
      element,
    );
    plot.current = drawn;
    const observer = new ResizeObserver(() => drawn.setSize({ width: element.clientWidth, height: HEIGHT_PX }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      drawn.destroy();
    };
  }, [lines, theme]);
  useEffect(() => {
    newest.current = data;
    plot.current?.setData(data);
  }, [data]);
  return <div ref={frame} className="live-series" role="img" aria-label={label} />;
}
