import type { ControlClient } from "@tripline/system/client/control-client";
import { waitingChange } from "@tripline/system/client/policy-client";
import { z } from "zod";

const answer = z.object({ waiting: waitingChange.optional() });

/** @returns a sentence about a pending approval; undefined if the entries are on the list */
export async function putEntries(
  client: Pick<ControlClient, "call">,
  list: string,
  body: { readonly effect?: string | undefined; readonly entries: readonly object[] },
): Promise<string | undefined> {
  const path = `/v1/lists/${encodeURIComponent(list)}/entries`;
  const { waiting } = answer.parse(await client.call("POST", path, { body }));
  if (waiting === undefined) return undefined;
  return `Another user must confirm the entries by ${waiting.expires_at}: tripline policy confirm ${waiting.id}`;
}
