import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { AccessTokens } from "@tripline/client/access-tokens";
import type { Kafka } from "@tripline/kafka/port";
import type { ControlClient } from "@tripline/system/client/control-client";
import { TriplineClient } from "@tripline/system/client/tripline-client";
import { settledLedger } from "@tripline/system/ledger/ledger";
import type { ServiceAddresses } from "@tripline/system/services/run-system";
import { z } from "zod";
import { PROBED_SERVICES, refusingServices } from "./support/probe-services.js";
import { SingleTraffic } from "./support/single-traffic.js";

export interface RevokeOptions {
  readonly addresses: ServiceAddresses;
  /** A client that may register and disable clients. */
  readonly auth: ControlClient;
  /** Another client, which the revocation must not affect. */
  readonly client: Pick<TriplineClient, "send">;
  readonly kafka: Kafka;
  /** Default: 2 seconds, the documented limit. */
  readonly refusedMsMax?: number;
  /** Prints each completed step. */
  print(text: string): void;
}

/** The documented limit: every service rejects a client at most this long after it was disabled. */
const REFUSED_MS_MAX = 2_000;
const SCOPES = ["transactions:write", "decisions:read", "decisions:explain", "features:read"];
const CONNECTIONS = 4;
const TRAFFIC_MS = 2_000;
const AFTER_MS = 1_000;

/**
 * A client is disabled while it sends payments. Two seconds later, every service rejects its token, all payments that
 * were accepted before are decided, and another client is not affected.
 *
 * @throws Error in one sentence that names the failed step
 */
export async function revokeJourney(options: RevokeOptions): Promise<void> {
  const { addresses, auth, client, kafka, refusedMsMax = REFUSED_MS_MAX, print } = options;
  const clientId = `shop-${randomUUID().slice(0, 8)}`;
  const added = await auth.call("POST", "/v1/clients", { body: { client_id: clientId, scopes: SCOPES } });
  const { client_secret: clientSecret } = z.object({ client_secret: z.string() }).parse(added);
  const credentials = { tokenUrl: `${addresses.auth}/oauth/token`, clientId, clientSecret };
  const tokens = new AccessTokens(credentials);
  const authorization = await tokens.authorization();
  const before = await refusingServices(addresses, authorization);
  if (before.length > 0) throw new Error(`${before.join(", ")} reject the new client's token.`);

  const shop = new TriplineClient(addresses.ingestion, tokens);
  const traffic = new SingleTraffic(() => shop, CONNECTIONS);
  const bystander = new SingleTraffic(() => client, 1);
  let refusedMs: number;
  try {
    await delay(TRAFFIC_MS);
    print(`${clientId} sends payments; ${traffic.accepted.size} have been accepted so far.`);
    await auth.call("POST", `/v1/clients/${clientId}/disable`);
    refusedMs = await untilRefused(addresses, authorization, refusedMsMax);
    print(
      `The client was disabled. After ${Math.round(refusedMs)} ms, all ${PROBED_SERVICES} services that accept tokens rejected ` +
        "its token, which would otherwise be valid for minutes.",
    );
    await delay(AFTER_MS);
  } finally {
    await Promise.all([traffic.stop(), bystander.stop()]);
  }
  // If the disabled client tries to renew its token, auth rejects the request with `invalid_client`.
  const isExpected = (code: string) => code === "token-revoked" || code.includes("invalid_client");
  const others = [...traffic.refusals.keys()].filter((code) => !isExpected(code));
  if (!traffic.refusals.has("token-revoked") || others.length > 0) {
    throw new Error(`The client should only get token-revoked, but got: ${others.join(", ")}.`);
  }
  const again = await new AccessTokens(credentials).authorization().catch(() => undefined);
  if (again !== undefined) throw new Error("The disabled client got a new token.");
  print(
    `Its ${traffic.refusals.get("token-revoked")} payments since then were rejected, and it cannot get a new token.`,
  );

  if (bystander.refusals.size > 0 || bystander.accepted.size === 0) {
    throw new Error(`Another client was rejected: ${[...bystander.refusals.keys()].join(", ")}.`);
  }
  const line = await settledLedger(kafka, new Set([...traffic.accepted, ...bystander.accepted]));
  print(
    `No accepted payment was lost, and another client's ${bystander.accepted.size} payments continued without interruption.\n${line}`,
  );
}

/** @returns the time until every service rejected the token, in ms @throws Error if it took longer than the limit */
async function untilRefused(addresses: ServiceAddresses, authorization: string, msMax: number): Promise<number> {
  const startedMs = performance.now();
  let refusing: readonly string[] = [];
  while (performance.now() - startedMs < msMax) {
    refusing = await refusingServices(addresses, authorization);
    if (refusing.length === PROBED_SERVICES) return performance.now() - startedMs;
  }
  throw new Error(`After ${msMax} ms, only these services reject the client: ${refusing.join(", ") || "none"}.`);
}
