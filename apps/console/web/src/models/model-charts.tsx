import { useCallback } from "react";
import type { CalibrationBin, ModelsReport } from "#contract/operations";
import { axis, EChart } from "../charts/echart.js";
import type { Colours } from "../charts/theme-colours.js";
import { formatShare, formatShort } from "../format/numbers.js";
import { text } from "../texts/en/operations.js";
import { Panel } from "../ui/panel.js";

const GRID = { left: 44, right: 12, top: 28, bottom: 24 };
const TENTHS = Array.from({ length: 10 }, (_, tenth) => `${tenth * 10}–${tenth * 10 + 10} %`);

interface ChartsProps {
  readonly of: ModelsReport;
  /** The champion's calibration on payments outside its training data. */
  readonly validation: readonly CalibrationBin[];
}

export function ModelCharts({ of, validation }: ChartsProps) {
  return (
    <div className="charts">
      <Histogram of={of.histogram} />
      <CalibrationChart live={of.calibration} validation={validation} />
      {of.hours.length > 1 && <Hours of={of.hours} title={text.models.hours} lines={RATES} />}
    </div>
  );
}

const legend = (colours: Colours) => ({ top: 0, right: 0, textStyle: { color: colours.text, fontSize: 11 } });
const shareAxis = (colours: Colours, digits = 0) => ({
  color: colours.quiet,
  fontSize: 11,
  formatter: (share: number) => formatShare(share, digits),
});

function Histogram({ of }: { readonly of: ModelsReport["histogram"] }) {
  const option = useCallback(
    (colours: Colours) => ({
      grid: GRID,
      legend: legend(colours),
      xAxis: axis(colours, { type: "category", data: TENTHS, splitLine: { show: false } }),
      // Most scores are close to 0. On a linear axis, all others would be invisible.
      yAxis: axis(colours, {
        type: "log",
        min: 1,
        axisLabel: { color: colours.quiet, fontSize: 11, formatter: formatShort },
      }),
      series: [
        bars(text.models.champion, of.champion, colours.accent),
        ...(of.candidate.some((count) => count > 0)
          ? [bars(text.models.candidate, of.candidate, colours.challenge)]
          : []),
      ],
    }),
    [of],
  );
  return (
    <Panel title={text.models.histogram}>
      <EChart label={text.models.histogram} option={option} />
    </Panel>
  );
}

const bars = (name: string, counts: readonly number[], color: string) => ({
  name,
  type: "bar",
  itemStyle: { color },
  data: counts.map((count) => (count === 0 ? null : count)),
});

interface CalibrationProps {
  readonly live: readonly CalibrationBin[];
  readonly validation: readonly CalibrationBin[];
}

function CalibrationChart({ live, validation }: CalibrationProps) {
  const option = useCallback(
    (colours: Colours) => ({
      grid: GRID,
      legend: legend(colours),
      xAxis: axis(colours, { type: "value", min: 0, max: 1, axisLabel: shareAxis(colours) }),
      yAxis: axis(colours, { type: "value", min: 0, max: 1, axisLabel: shareAxis(colours) }),
      series: [
        {
          name: text.models.ideal,
          type: "line",
          symbol: "none",
          lineStyle: { type: "dashed", color: colours.quiet, width: 1 },
          itemStyle: { color: colours.quiet },
          data: [
            [0, 0],
            [1, 1],
          ],
        },
        curve(text.models.calibrationOf.validation, validation, colours.quiet, "diamond"),
        curve(text.models.calibrationOf.live, live, colours.accent, "circle"),
      ].filter(({ data }) => data.length > 0),
    }),
    [live, validation],
  );
  if (live.length + validation.length === 0) {
    return (
      <Panel title={text.models.calibration}>
        <p className="quiet">{text.models.noCalibration}</p>
      </Panel>
    );
  }
  return (
    <Panel title={text.models.calibration}>
      <EChart label={text.models.calibration} option={option} />
    </Panel>
  );
}

const curve = (name: string, of: readonly CalibrationBin[], color: string, symbol: string) => ({
  name,
  type: "line",
  symbol,
  symbolSize: 7,
  lineStyle: { color },
  itemStyle: { color },
  data: of.map(({ meanScore, fraudShare }) => [meanScore, fraudShare]),
});

interface HourLine {
  readonly name: string;
  readonly key: "meanScore" | "declinedShare";
  readonly colour: "accent" | "decline";
  readonly type: "solid" | "dashed";
}

const RATES: readonly HourLine[] = [
  { name: text.models.meanScore, key: "meanScore", colour: "accent", type: "solid" },
  { name: text.models.declined, key: "declinedShare", colour: "decline", type: "dashed" },
];

interface HoursProps {
  readonly of: ModelsReport["hours"];
  readonly title: string;
  readonly lines: readonly HourLine[];
}

function Hours({ of, title, lines }: HoursProps) {
  const option = useCallback(
    (colours: Colours) => ({
      grid: GRID,
      legend: legend(colours),
      xAxis: axis(colours, { type: "time", splitLine: { show: false } }),
      yAxis: axis(colours, { type: "value", axisLabel: shareAxis(colours, 1) }),
      series: lines.map(({ name, key, colour, type }) => ({
        name,
        type: "line",
        symbol: "none",
        lineStyle: { color: colours[colour], type, width: 1.5 },
        itemStyle: { color: colours[colour] },
        data: of.map((hour) => [hour.atMs, hour[key]]),
      })),
    }),
    [of, lines],
  );
  return (
    <Panel title={title}>
      <EChart label={title} option={option} />
    </Panel>
  );
}
