import { InvalidArgumentError, Option } from "commander";
import type { BenchContext } from "../harness/bench-context.js";
import type { Peer } from "./start-peers.js";

export interface Entry {
  readonly peer: Peer;
  readonly changes?: Readonly<Record<string, string>>;
  /** Whether what it accepts goes to Kafka. */
  readonly produces: boolean;
}

/** The peers of the service. */
export const PEERS = {
  bare: { peer: "bare", produces: true },
  express: { peer: "express", produces: true },
  "express-cached": { peer: "express", changes: { TOKENS: "cached" }, produces: true },
  empty: { peer: "bare", changes: { WORK: "none" }, produces: false },
} as const satisfies Record<string, Entry>;

export type PeerName = keyof typeof PEERS;

const isName = (name: string): name is PeerName => Object.hasOwn(PEERS, name);

export function againstOption(): Option {
  const names = Object.keys(PEERS).join(",");
  return new Option("--against <peers>", `only these peers: ${names}`).argParser((text: string) =>
    text.split(",").map((name) => {
      if (isName(name)) return name;
      throw new InvalidArgumentError(`There is no peer "${name}"; there are ${names}.`);
    }),
  );
}

export function chosenPeers({ flags }: BenchContext): PeerName[] {
  const given: unknown = flags.against;
  const all = Object.keys(PEERS).filter(isName);
  return Array.isArray(given) ? all.filter((name) => given.includes(name)) : all;
}
