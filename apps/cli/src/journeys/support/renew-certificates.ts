import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { connect } from "node:tls";
import type { SecureSystem } from "./secure-system.js";

/** HTTP and gRPC ports check their files every 5 s. */
const TAKEN_MS_MAX = 30_000;
const POLL_MS = 250;
const HANDSHAKE_MS_MAX = 5_000;
/** These services authenticate with Kafka only when they connect, so they must be restarted. */
const RESTARTED = ["features", "decisions"] as const;

/**
 * Replaces every service's certificate while it runs.
 *
 * @returns the number of ports that present a new certificate, and the time at which the last of them did
 * @throws Error that names a port that still presents the old one
 */
export async function renewCertificates(secure: SecureSystem): Promise<{ ports: number; seconds: number }> {
  const { security, services, scoringAddress } = secure;
  const ports = new Map([...services.values()].map(({ plan }) => [plan.name, Number(new URL(plan.url).port)]));
  ports.set("scoring's gRPC", Number(scoringAddress.split(":")[1]));
  const before = new Map<string, string>();
  for (const [name, port] of ports) before.set(name, await shownBy(secure, port));
  for (const name of Object.keys(security.rules.services)) await security.renew(name);
  const startedMs = performance.now();
  for (const [name, port] of ports) {
    while ((await shownBy(secure, port)) === before.get(name)) {
      if (performance.now() - startedMs > TAKEN_MS_MAX) throw new Error(`${name} still presents its old certificate.`);
      await delay(POLL_MS);
    }
  }
  return { ports: ports.size, seconds: (performance.now() - startedMs) / 1_000 };
}

/** @returns the names of the services that reconnected to Kafka with their new certificates */
export async function reconnectServices({ services }: SecureSystem): Promise<readonly string[]> {
  for (const name of RESTARTED) {
    const service = services.get(name);
    if (service === undefined) throw new Error(`${name} is not running.`);
    const { pid } = service;
    service.restart();
    const startedMs = performance.now();
    while (service.pid === undefined || service.pid === pid) {
      if (performance.now() - startedMs > TAKEN_MS_MAX) throw new Error(`${name} did not stop.`);
      await delay(POLL_MS);
    }
    await service.ready();
  }
  return RESTARTED;
}

/** The fingerprint of the certificate on a new connection. */
async function shownBy({ security }: SecureSystem, port: number): Promise<string> {
  const { ca, cert, key } = security.kafkaTls("decisions");
  const socket = connect({ port, host: "127.0.0.1", ca, cert, key, ALPNProtocols: ["h2", "http/1.1"] });
  try {
    await once(socket, "secureConnect", { signal: AbortSignal.timeout(HANDSHAKE_MS_MAX) });
    return socket.getPeerCertificate().fingerprint256;
  } finally {
    socket.destroy();
  }
}
