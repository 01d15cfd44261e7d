import { createServer } from "node:net";

/**
 * Below the source ports that systems use for outgoing connections, so that a port stays free during a restart.
 */
const FIRST_PORT = 20_000;
const LAST_PORT = 31_999;
const ATTEMPTS_MAX = 200;

/**
 * Jest's workers search disjoint parts of the range, because ports are bound only some time after the search;
 * otherwise, two workers sometimes chose the same port.
 */
const PARTS = 8;
const PART_PORTS = Math.floor((LAST_PORT - FIRST_PORT + 1) / PARTS);
const firstPort = (): number => {
  const { TRIPLINE_TEST_LANE, JEST_WORKER_ID = 0 } = process.env;
  return FIRST_PORT + (Number(TRIPLINE_TEST_LANE ?? JEST_WORKER_ID) % PARTS) * PART_PORTS;
};

/** Whether a server can currently listen on 127.0.0.1 at this port. */
export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => server.close(() => resolve(true)));
  });
}

export interface PortSearch {
  /** Ports that other programs will soon use. */
  readonly reserved?: readonly number[];
  /** How many consecutive ports, starting at each result, must be free. Default: 1. */
  readonly width?: number;
}

/** Distinct ports on 127.0.0.1 that are currently free. */
export async function findFreePorts(count: number, { reserved = [], width = 1 }: PortSearch = {}): Promise<number[]> {
  const found: number[] = [];
  const taken = new Set(reserved);
  for (let attempt = 0; attempt < ATTEMPTS_MAX && found.length < count; attempt += 1) {
    const first = firstPort() + Math.floor(Math.random() * (PART_PORTS - width + 1));
    const block = Array.from({ length: width }, (_, offset) => first + offset);
    if (block.some((port) => taken.has(port))) continue;
    if (!(await Promise.all(block.map(isPortFree))).every(Boolean)) continue;
    found.push(first);
    for (const port of block) taken.add(port);
  }
  if (found.length < count) {
    throw new Error(`No ${count} free ports between ${FIRST_PORT} and ${LAST_PORT} were found.`);
  }
  return found;
}
