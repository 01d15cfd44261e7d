import type { Machine } from "../harness/result/describe-run.js";
import type { Breakpoint, Fault, GeneratorFigures, PhaseFigures } from "./judge/judge-run.js";
import type { LoadLedger } from "./judge/load-ledger.js";
import type { Series } from "./judge/series.js";
import type { Transcript } from "./k6/read-transcript.js";
import type { Limit } from "./k6/run-k6.js";
import type { LoadSettings } from "./load-settings.js";

/** The JSON result of a run. */
export interface LoadResult {
  readonly format: 1;
  /** Start time, RFC 3339. */
  readonly date: string;
  readonly commit: string;
  readonly k6: string;
  readonly machine: Machine;
  readonly settings: LoadSettings;
  readonly seed: number;
  readonly cards: number;
  /** Whether the run itself started the system, on the same machine. */
  readonly startedHere: boolean;
  /** Services that were killed deliberately. */
  readonly killed: readonly string[];
  readonly wasInterrupted: boolean;
  readonly phases: readonly PhaseFigures[];
  readonly limits: readonly Limit[];
  readonly generator: GeneratorFigures;
  /** The reason why the load was not sent as planned. */
  readonly fault?: Fault;
  readonly breakpoint?: Breakpoint;
  readonly counts: Transcript["counts"];
  readonly ledger: LoadLedger;
  readonly series: Series;
}
