import type { CapacityResult, Measured, ProcessName } from "./figures.js";
import { bytesOf, lakeBytesOf, loadsOf, PROCESSES } from "./figures.js";
import { coresAt } from "./model.js";

/** A prediction and the corresponding measurement. */
export interface Comparison {
  readonly what: string;
  readonly predicted: number;
  readonly measured: number;
  readonly unit: string;
  /** Whether this prediction must be within `TOLERANCE`. The parts of a sum are shown only for diagnosis. */
  readonly counts: boolean;
}

export const TOLERANCE = 0.2;

/** The relative error of a prediction. */
export const errorOf = ({ predicted, measured }: Comparison): number => Math.abs(predicted - measured) / measured;

export const isWithin = (comparison: Comparison): boolean => !comparison.counts || errorOf(comparison) <= TOLERANCE;

/**
 * Compares the costs measured in one run with the results of another run on the same machine: CPU time at each load of
 * the other run, and bytes on disk and in memory. Pure.
 */
export function compareWithResult(measured: Measured, result: CapacityResult): Comparison[] {
  const cpu = loadsOf(result).flatMap(({ name, rate, cpuMsPerS }) => {
    const processes = PROCESSES.filter((process) => cpuMsPerS.has(process));
    const predict = (process: ProcessName) => coresAt(measured, process, rate) * 1_000;
    const parts = processes.map((process) => ({
      what: `${name}: ${process}`,
      predicted: predict(process),
      measured: cpuMsPerS.get(process) ?? 0,
      unit: "ms/s",
      counts: false,
    }));
    const sum = (of: "predicted" | "measured") => parts.reduce((total, part) => total + part[of], 0);
    const together = { predicted: sum("predicted"), measured: sum("measured"), unit: "ms/s", counts: true };
    return [{ what: `${name}: CPU of all processes`, ...together }, ...parts];
  });
  const bytes = (["kafka_bytes", "redis_bytes"] as const).flatMap((prefix) => {
    const predicted = measured[prefix];
    return Object.entries(bytesOf(result, prefix))
      .filter(([name]) => COUNTED.includes(name))
      .map(([name, found]) => ({
        what: `${prefix} of ${name}`,
        predicted: predicted[name] ?? 0,
        measured: found,
        unit: "bytes",
        counts: true,
      }));
  });
  const lake = { predicted: measured.lake_bytes, measured: lakeBytesOf(result), unit: "bytes" };
  return [...cpu, ...bytes, { what: "lake by payment", ...lake, counts: true }];
}

/** The keys and topics that plans take into account. All others are rare or small. */
const COUNTED: readonly string[] = [
  ...["transactions", "features", "decisions"],
  ...["card", "terminal", "device", "ip", "idem", "decision"],
];
