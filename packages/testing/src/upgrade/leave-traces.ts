import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { OpenedPerson } from "@tripline/cli/journeys/erase";
import { newPerson, paymentOf } from "@tripline/cli/journeys/erase";
import { PolicyClient } from "@tripline/system/client/policy-client";
import type { RunningSystem } from "@tripline/system/services/run-system";

/** Data that users created in the old system and that the new system must keep. */
export interface Traces {
  /** A person who has made a payment with personal data. */
  readonly person: OpenedPerson;
  /** A terminal on the list `deny`. */
  readonly terminalId: string;
  /** The policy in effect. */
  readonly policy: { readonly revision: number; readonly text: string };
}

const WAIT_SECONDS = 25;

export async function leaveTraces(old: RunningSystem, policyFile: string): Promise<Traces> {
  const person = newPerson();
  await old.client.decideAll([paymentOf(person)], WAIT_SECONDS);
  const terminalId = `t-${randomUUID().slice(0, 8)}`;
  const entries = [{ kind: "terminal", value: terminalId, reason: "Skimmer found" }];
  await old.control.call("POST", "/v1/lists/deny/entries", { body: { entries } });
  const policies = new PolicyClient(old.control);
  const text = await readFile(policyFile, "utf8");
  const { revision } = await policies.push(text, "before the upgrade");
  const { newest_activation: after } = await policies.status();
  await policies.activate({ revision, after, note: "before the upgrade" });
  return { person, terminalId, policy: { revision, text } };
}
