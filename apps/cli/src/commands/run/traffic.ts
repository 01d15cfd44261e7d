import { randomInt } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { createSimulation } from "@tripline/simulator/create-simulation";
import type { SimulatedEvent } from "@tripline/simulator/merge-labels";
import { mergeLabels } from "@tripline/simulator/merge-labels";
import { DAY_MS } from "@tripline/simulator/payment-times";
import { waitVisibly } from "@tripline/stores/wait-visibly";
import { kafkaFrom, tokensFrom } from "@tripline/system/client/connect-system";
import { TriplineClient } from "@tripline/system/client/tripline-client";
import { endOnSignal } from "@tripline/system/end-on-signal";
import { awaitLedger, balances } from "@tripline/system/ledger/ledger";
import { trustAuthorityAt } from "@tripline/system/services/local-system";
import { Command, InvalidArgumentError } from "commander";
import { playTraffic } from "../../demo/play-traffic.js";
import { Tally } from "../../demo/tally.js";
import { wholeNumber } from "../number-options.js";
import { ledgerText } from "../operate/ledger.js";
import { durationMs } from "../parse-duration.js";

interface TrafficFlags {
  readonly api: string;
  readonly tokenUrl: string;
  readonly rate: number;
  readonly duration: string;
  readonly payments?: number;
  readonly seed?: number;
  readonly accepted?: string;
  readonly failuresMax?: number;
  readonly wait: string;
}

/** Ingestion accepts payments up to 30 days old. The simulated payments start later, so none becomes too old. */
const HISTORY_DAYS = 20;
const CARDS = 2_000;
const TERMINALS = 2_000;
const SEEDS = 2 ** 32;
const POLL_MS = 1_000;
const SAY_EVERY_MS = 5_000;

/** `tripline traffic`: sends simulated payments to a remote installation. */
export function trafficCommand(): Command {
  return new Command("traffic")
    .description("send simulated payments to an installation's API and check their decisions")
    .requiredOption("--api <url>", "URL of ingestion, for example http://localhost:7400")
    .requiredOption("--token-url <url>", "auth's token endpoint, for example http://localhost:7401/oauth/token")
    .option("--rate <payments>", "payments per second, after a ramp-up of 10 s", positiveNumber, 20)
    .option("--duration <duration>", "stop after this time", "1m")
    .option("--payments <count>", "stop after this many payments", wholeNumber)
    .option("--seed <number>", "seed; the same seed produces the same payments (default: random)", wholeNumber)
    .option("--accepted <file>", "write the IDs of accepted payments to this file, for `tripline ledger`")
    .option("--failures-max <count>", "fail if more requests than this are rejected", wholeNumber)
    .option("--wait <duration>", "maximum wait until the API responds", "2m")
    .addHelpText("after", "\nSet CLIENT_ID and CLIENT_SECRET. If KAFKA_BROKERS is set, the decisions are also checked.")
    .action(async (flags: TrafficFlags) => {
      process.exitCode = await playFrom(flags, process.env);
    });
}

/** @returns the exit code: 0 if enough payments were accepted and, if Kafka is reachable, each got exactly one decision */
async function playFrom(
  flags: TrafficFlags,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  for (const address of [flags.api, flags.tokenUrl]) trustAuthorityAt(address);
  const tokens = tokensFrom(environment, flags.tokenUrl);
  const system = environment.KAFKA_BROKERS === undefined ? undefined : kafkaFrom(environment);
  const end = endOnSignal();
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  await waitVisibly(() => requestUntilReady(flags.api, () => tokens.authorization()), {
    what: `the API at ${flags.api}`,
    timeoutMs: durationMs(flags.wait),
    pollMs: POLL_MS,
    mayPass: () => !end.signal.aborted,
    remedy: "Check --api, --token-url, CLIENT_ID and CLIENT_SECRET.",
    say: (line) => process.stderr.write(`${line}\n`),
  });
  const { tally, accepted } = await play(flags, new TriplineClient(flags.api, tokens), end, say);
  if (flags.accepted !== undefined) await writeFile(flags.accepted, [...accepted, ""].join("\n"));
  const failed = tally.sent - tally.accepted;
  say(trafficLine(tally));
  for (const [reason, count] of tally.refused) say(`not accepted: ${reason} ${count}`);
  if (flags.failuresMax !== undefined && failed > flags.failuresMax) {
    say(`failed: ${failed} requests were rejected, but at most ${flags.failuresMax} are allowed`);
  }
  const isAccepted = accepted.size > 0 && failed <= (flags.failuresMax ?? Number.POSITIVE_INFINITY);
  if (system === undefined) return isAccepted ? 0 : 1;
  const ledger = await awaitLedger(system.kafka, accepted);
  process.stdout.write(ledgerText(ledger));
  return isAccepted && balances(ledger) ? 0 : 1;
}

async function play(flags: TrafficFlags, client: TriplineClient, end: AbortController, say: (line: string) => void) {
  const nowMs = Date.now();
  const simulation = createSimulation({
    seed: flags.seed ?? randomInt(SEEDS),
    cards: CARDS,
    terminals: TERMINALS,
    startMs: nowMs - HISTORY_DAYS * DAY_MS,
  });
  const tally = new Tally();
  const accepted = new Set<string>();
  const ender = setTimeout(() => end.abort(), durationMs(flags.duration));
  const talker = setInterval(() => say(trafficLine(tally)), SAY_EVERY_MS);
  try {
    await playTraffic(
      {
        client,
        events: flags.payments === undefined ? mergeLabels(simulation) : first(simulation, flags.payments),
        ratePerSecond: flags.rate,
        tally,
        signal: end.signal,
        untilMs: nowMs,
        accepted,
        onFirstDecision: () => {},
        hasIssuer: false,
      },
      { eventTimeMs: 0 },
    );
  } finally {
    clearTimeout(ender);
    clearInterval(talker);
  }
  return { tally, accepted };
}

/** The first payments, without labels, which would arrive days later. */
function* first(
  payments: Iterable<Extract<SimulatedEvent, { kind: "payment" }>["payment"]>,
  count: number,
): Generator<SimulatedEvent, void, void> {
  let given = 0;
  for (const payment of payments) {
    if (given === count) return;
    given += 1;
    yield { kind: "payment", atMs: payment.occurredAtMs, payment };
  }
}

/**
 * Does not call `/health/ready`, which a gateway need not expose. Any successful response to a caller with a token is
 * enough.
 */
async function requestUntilReady(api: string, authorization: () => Promise<string>): Promise<void> {
  const response = await fetch(`${api}/openapi.json`, { headers: { authorization: await authorization() } });
  await response.body?.cancel();
  if (!response.ok) throw new Error(`The API responded with status ${response.status}.`);
}

function trafficLine(tally: Tally): string {
  const { sent, accepted, decided, pending, degraded } = tally;
  const failed = sent - accepted;
  const answers = `sent=${sent} accepted=${accepted} failed=${failed} decided=${decided} pending=${pending}`;
  const [p50 = Number.NaN, p99 = Number.NaN] = tally.quantiles(Number.POSITIVE_INFINITY, 0.5, 0.99);
  return `traffic: ${answers} degraded=${degraded} p50_ms=${p50.toFixed(0)} p99_ms=${p99.toFixed(0)}`;
}

function positiveNumber(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 100_000)) throw new InvalidArgumentError("It must be a number greater than 0.");
  return value;
}
