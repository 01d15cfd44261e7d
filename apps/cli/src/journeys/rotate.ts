import { setTimeout as delay } from "node:timers/promises";
import type { AccessTokensOptions } from "@tripline/client/access-tokens";
import { AccessTokens } from "@tripline/client/access-tokens";
import type { Kafka } from "@tripline/kafka/port";

import { TriplineClient } from "@tripline/system/client/tripline-client";
import { settledLedger } from "@tripline/system/ledger/ledger";
import type { ServiceAddresses } from "@tripline/system/services/run-system";
import { z } from "zod";
import { runOnDatabase } from "../commands/auth/auth-options.js";
import { refusingServices } from "./support/probe-services.js";
import { reconnectServices, renewCertificates } from "./support/renew-certificates.js";
import { rotateMasterKey } from "./support/rotate-master-key.js";
import type { SecureSystem } from "./support/secure-system.js";
import { SingleTraffic } from "./support/single-traffic.js";

export interface RotateOptions {
  readonly addresses: ServiceAddresses;
  /** Credentials of a client that may send payments. */
  readonly credentials: Pick<AccessTokensOptions, "clientId" | "clientSecret">;
  readonly kafka: Kafka;
  /** Auth's database, and the key that encrypts its signing keys. */
  readonly postgresUrl: string;
  readonly keyEncryptionKey: string;
  /**
   * Set if the system uses TLS; in that case, certificates and the master key for personal data are rotated as well.
   */
  readonly secure?: SecureSystem | undefined;
  /** Prints each completed step. */
  print(text: string): void;
}

const CONNECTIONS = 2;
const TRAFFIC_MS = 1_000;
/** A new key is published for 20 s before it signs; instances read it within another 5 s. */
const SIGNS_MS_MAX = 60_000;
const POLL_MS = 500;

const header = z.object({ kid: z.string() });

/**
 * Rotates the signing key of access tokens while payments are sent, each with a fresh token, and then every service's
 * certificate and the master key for personal data. No request fails, and tokens signed with the old key stay valid until they
 * expire.
 *
 * @throws Error in one sentence that names the failed step
 */
export async function rotateJourney(options: RotateOptions): Promise<void> {
  const { addresses, credentials, kafka, postgresUrl, keyEncryptionKey, secure, print } = options;
  const newTokens = () => new AccessTokens({ ...credentials, tokenUrl: `${addresses.auth}/oauth/token` });
  const before = await newTokens().authorization();
  const clientAt = (url: string): TriplineClient => new TriplineClient(url, newTokens());
  let ingestionUrl = addresses.ingestion;
  const traffic = new SingleTraffic(() => clientAt(ingestionUrl), CONNECTIONS);
  let after: string;
  let end: (() => Promise<void>) | undefined;
  try {
    await delay(TRAFFIC_MS);
    print(`Payments are sent, each with a new token signed with the key ${kidOf(before)}.`);
    const exitCode = await runOnDatabase(postgresUrl, {
      AUTH_ACTION: "rotate-keys",
      KEY_ENCRYPTION_KEY: keyEncryptionKey,
      ...(secure === undefined ? {} : { POSTGRES_CA_FILE: secure.security.authority.file }),
    });
    if (exitCode !== 0) throw new Error(`\`tripline auth rotate-keys\` ended with exit code ${exitCode}.`);
    const startedMs = performance.now();
    after = await untilAnotherSigns(newTokens, kidOf(before));
    const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1);
    print(
      `\`tripline auth rotate-keys\`: after ${seconds} s, tokens are signed with the key ${kidOf(after)}, without a restart.`,
    );
    for (const [authorization, which] of [[before, "old"] as const, [after, "new"] as const]) {
      const refusing = await refusingServices(addresses, authorization);
      if (refusing.length > 0) throw new Error(`${refusing.join(", ")} reject a token of the ${which} key.`);
    }
    print("All services accept tokens of both keys.");
    await delay(TRAFFIC_MS);
    if (secure !== undefined) {
      const { ports, seconds } = await renewCertificates(secure);
      print(
        `All services got new certificates: ${ports} ports present them after ${seconds.toFixed(1)} s, without a restart.`,
      );
      const names = await reconnectServices(secure);
      print(`${names.join(" and ")} were restarted, and connected to Kafka and scoring with their new certificates.`);
      const onMoved = (url: string): void => {
        ingestionUrl = url;
      };
      end = await rotateMasterKey({ secure, kafka, clientAt, onMoved });
      print(
        "A new master key encrypts the keys of personal data. Data encrypted before and after the change can be decrypted.",
      );
      await delay(TRAFFIC_MS);
    }
  } finally {
    await traffic.stop();
    await end?.();
  }
  const failed = [...traffic.refusals];
  if (failed.length > 0) {
    throw new Error(
      `Requests failed during the rotation: ${failed.map(([code, count]) => `${count} ${code}`).join(", ")}.`,
    );
  }
  print(`0 of ${traffic.accepted.size} requests failed.\n${await settledLedger(kafka, traffic.accepted)}`);
}

async function untilAnotherSigns(newTokens: () => AccessTokens, kid: string): Promise<string> {
  const endMs = Date.now() + SIGNS_MS_MAX;
  for (;;) {
    const token = await newTokens().authorization();
    if (kidOf(token) !== kid) return token;
    if (Date.now() > endMs) throw new Error(`The new key is not in use after ${SIGNS_MS_MAX / 1_000} s.`);
    await delay(POLL_MS);
  }
}

/** @param authorization value of the header */
function kidOf(authorization: string): string {
  const [encoded = ""] = authorization.replace("Bearer ", "").split(".");
  return header.parse(JSON.parse(Buffer.from(encoded, "base64url").toString())).kid;
}
