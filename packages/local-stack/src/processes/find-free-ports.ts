import { createServer } from "node:net";

/** Below the range from which systems take the source ports of outgoing connections, so that a port stays free over a restart. */
const FIRST_PORT = 20_000;
const LAST_PORT = 31_999;
const ATTEMPTS_MAX = 200;

/**
 * Jest's workers look in parts of the range that do not meet. A port is free when it is found and taken only later, and before
 * that another worker found the same one now and then.
 */
const PARTS = 8;
const PART_PORTS = Math.floor((LAST_PORT - FIRST_PORT + 1) / PARTS);
const firstPort = (): number => {
  const { TRIPLINE_TEST_LANE, JEST_WORKER_ID = 0 } = process.env;
  return FIRST_PORT + (Number(TRIPLINE_TEST_LANE ?? JEST_WORKER_ID) % PARTS) * PART_PORTS;
};

/** Whether something can listen on 127.0.0.1 at this port now. */
export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** That many different ports on 127.0.0.1 on which nothing listens now. */
export async function findFreePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  for (let attempt = 0; attempt < ATTEMPTS_MAX && ports.size < count; attempt += 1) {
    const port = firstPort() + Math.floor(Math.random() * PART_PORTS);
    if (!ports.has(port) && (await isPortFree(port))) ports.add(port);
  }
  if (ports.size < count) throw new Error(`No ${count} free ports between ${FIRST_PORT} and ${LAST_PORT} were found.`);
  return [...ports];
}
