import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Kafka } from "@tripline/kafka/port";
import { findFreePorts } from "@tripline/local-stack/processes/find-free-ports";
import type { TriplineClient } from "@tripline/system/client/tripline-client";
import { localUrl } from "@tripline/system/services/plan-services";
import { ServiceProcess } from "@tripline/system/services/supervise-services";
import type { OpenedPerson } from "../erase.js";
import { newPerson, openPersonal, paymentOf, sealedOf } from "../erase.js";
import type { SecureSystem } from "./secure-system.js";

const KEY_BYTES = 32;
const VARIABLE = "PERSONAL_MASTER_KEY";
const WAIT_SECONDS = 10;
/** Payments accepted by the old ingestion instance are answered within this time. */
const LAST_ANSWERS_MS = 2_000;
const OPEN_TRIES_MAX = 40;
const OPEN_TRY_MS = 500;

export interface MasterKeyOptions {
  readonly secure: SecureSystem;
  readonly kafka: Kafka;
  /** Creates a client for ingestion at an address. */
  readonly clientAt: (url: string) => Pick<TriplineClient, "send">;
  /** Called once with the new address for payments. */
  readonly onMoved: (url: string) => void;
}

/**
 * Rotates the master key for personal data, as described in docs/operations.md: control gets the new key in addition to the old
 * one, then a new ingestion instance with only the new key takes over the traffic, as in a rolling update. Data sealed before
 * and after the rotation can be decrypted.
 *
 * @returns a function that stops the services started here
 * @throws Error in one sentence that names the failed step
 */
export async function rotateMasterKey(options: MasterKeyOptions): Promise<() => Promise<void>> {
  const { secure, clientAt, onMoved } = options;
  const { services, addresses, logs } = secure;
  const [control, before] = [services.get("control"), services.get("ingestion")];
  if (control === undefined || before === undefined) throw new Error("This journey requires control and ingestion.");
  const old = before.plan.environment[VARIABLE] ?? "";
  const key = randomBytes(KEY_BYTES).toString("base64");
  const sealedBefore = await payAndFindSealed(options, clientAt(addresses.ingestion));
  await control.stop();
  const [port = 0] = await findFreePorts(1);
  const url = localUrl(port, true);
  const started = [
    new ServiceProcess(
      { ...control.plan, environment: { ...control.plan.environment, [VARIABLE]: `${key},${old}` } },
      logs,
    ),
    new ServiceProcess(
      { ...before.plan, url, environment: { ...before.plan.environment, PORT: String(port), [VARIABLE]: key } },
      logs,
    ),
  ];
  const end = async (): Promise<void> => {
    await Promise.all(started.map((service) => service.stop()));
  };
  try {
    for (const service of started) {
      service.start();
      await service.ready();
    }
    onMoved(url);
    await delay(LAST_ANSWERS_MS);
    await before.stop();
    const sealedAfter = await payAndFindSealed(options, clientAt(url));
    for (const sealed of [sealedBefore, sealedAfter]) await requireOpen(secure, sealed);
    return end;
  } catch (error) {
    await end();
    throw error;
  }
}

interface SealedPayment {
  readonly id: string;
  readonly person: OpenedPerson;
  readonly sealed: Buffer;
}

async function payAndFindSealed(
  { kafka }: MasterKeyOptions,
  client: Pick<TriplineClient, "send">,
): Promise<SealedPayment> {
  const person = newPerson();
  const { id, code, status } = await client.send(paymentOf(person), WAIT_SECONDS);
  if (id === undefined) throw new Error(`A payment with personal data was rejected: ${code ?? status}.`);
  const sealed = await sealedOf(kafka, id);
  if (sealed === undefined) throw new Error("The payment has no encrypted fields on its topic.");
  return { id, person, sealed };
}

async function requireOpen({ control }: SecureSystem, { id, person, sealed }: SealedPayment): Promise<void> {
  for (let attempt = 0; attempt < OPEN_TRIES_MAX; attempt += 1) {
    const fields = await openPersonal(control, id, sealed);
    if (fields?.email === person.email) return;
    await delay(OPEN_TRY_MS);
  }
  throw new Error("Personal data cannot be decrypted.");
}
