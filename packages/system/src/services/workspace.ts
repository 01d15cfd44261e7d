import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** Root of the repository this file belongs to. */
export const ROOT = resolve(fileURLToPath(new URL("../../../..", import.meta.url)));

/** Everything Tripline writes on this machine lies below this folder, which git ignores. */
export const STATE_DIRECTORY = join(ROOT, ".tripline");

/** Folders of one installation: the demo's, or a test's. */
export interface Workspace {
  readonly directory: string;
  /** Kafka's, Valkey's and Postgres' data; made anew at every start. */
  readonly stack: string;
  readonly logs: string;
  /** Where its archive writes, if it runs one; made anew with the stack, because another Kafka's records do not continue it. */
  readonly lake: string;
  /** Where its console keeps files of cases; made anew with the stack, whose database names them. */
  readonly attachments: string;
  /** Where its control plane keeps anchors of the audit log; made anew with the stack, which holds the log. */
  readonly anchors: string;
  readonly secrets: string;
}

export function workspaceIn(directory: string): Workspace {
  return {
    directory,
    stack: join(directory, "stack"),
    logs: join(directory, "logs"),
    lake: join(directory, "lake"),
    attachments: join(directory, "attachments"),
    anchors: join(directory, "anchors"),
    secrets: join(directory, "secrets.json"),
  };
}
