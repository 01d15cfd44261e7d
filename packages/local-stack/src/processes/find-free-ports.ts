import { createServer } from "node:net";

/** Below the range that systems use for source ports of outgoing connections, so that a port stays free across a restart. */
const FIRST_PORT = 20_000;
const LAST_PORT = 31_999;
const ATTEMPTS_MAX = 200;

/**
 * Jest's workers search disjoint parts of the range. A free port is bound only later, and without this, another worker
 * occasionally found the same one.
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

/** Distinct ports on 127.0.0.1 that are currently free. */
export async function findFreePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  for (let attempt = 0; attempt < ATTEMPTS_MAX && ports.size < count; attempt += 1) {
    const port = firstPort() + Math.floor(Math.random() * PART_PORTS);
    if (!ports.has(port) && (await isPortFree(port))) ports.add(port);
  }
  if (ports.size < count) throw new Error(`No ${count} free ports between ${FIRST_PORT} and ${LAST_PORT} were found.`);
  return [...ports];
}
