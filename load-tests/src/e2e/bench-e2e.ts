import { InvalidArgumentError, Option } from "commander";
import type { Benchmark } from "../harness/run-benchmark.js";
import { buildsPart } from "./bench-builds.js";
import { cardsPart } from "./bench-cards.js";
import { fieldsPart } from "./bench-fields.js";
import { loadPart } from "./bench-load.js";
import { overloadPart } from "./bench-overload.js";
import { textbookPart } from "./bench-textbook.js";
import { topologyPart } from "./bench-topology.js";
import { tracingPart } from "./bench-tracing.js";

/** The whole system, from a request over HTTP to its decision. */
export const e2eBenchmark: Benchmark = {
  name: "e2e",
  description: "the whole system: decisions per second, latency and CPU, compared with a textbook build",
  options: [
    new Option(
      "--rate <per second>",
      "measure at this rate and shares of it, instead of the highest sustained rate",
    ).argParser(parseRate),
    new Option(
      "--beside <commit or folder>",
      "for the part builds: a commit, or a built copy of the repository (default: load-tests/baseline.txt)",
    ),
    new Option("--cards <count>", "number of cards in the part cards; default 5 million").argParser(parseCards),
    new Option("--short", "a few seconds with a small world, as a test; the figures are meaningless"),
  ],
  parts: [loadPart, textbookPart, overloadPart, topologyPart, tracingPart, buildsPart, cardsPart, fieldsPart],
  line: [
    "decisions_per_s",
    "p50_ms",
    "p99_ms_at_half",
    "cpu_us_per_decision",
    "textbook_ratio",
    "loop_delay_p99_ms",
    "rss_mb",
    "p99_ms_at_tenth",
    "cpu_us_at_half",
    "cpu_us_at_tenth",
    "textbook_cpu_ratio",
    "goodput_ratio",
    "accepted_p99_ms",
    "recovery_s",
    "lost",
    "cards_cpu_ratio",
    "cards_cpu_before_ratio",
  ],
};

function parseRate(text: string): number {
  const rate = Number(text);
  if (rate > 0 && rate <= 1_000_000) return rate;
  throw new InvalidArgumentError("It must be a number of payments per second.");
}

/** The largest number of cards that a simulation can have. */
const CARDS_MAX = 10_000_000;

function parseCards(text: string): number {
  const cards = Number(text);
  if (Number.isInteger(cards) && cards >= 1 && cards <= CARDS_MAX) return cards;
  throw new InvalidArgumentError(`It must be a whole number from 1 to ${CARDS_MAX}.`);
}
