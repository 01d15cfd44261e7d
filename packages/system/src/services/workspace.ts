import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** Root of this file's repository. */
export const ROOT = resolve(fileURLToPath(new URL("../../../..", import.meta.url)));

/** The folder for everything that Tripline writes on this machine. Git ignores this folder. */
export const STATE_DIRECTORY = join(ROOT, ".tripline");

/** Folders of one installation: the demo's, or a test's. */
export interface Workspace {
  readonly directory: string;
  /** Data of Kafka, Valkey and Postgres; recreated at every start. */
  readonly stack: string;
  readonly logs: string;
  /**
   * The archive's lake, if there is an archive; recreated together with the stack, because a lake cannot continue with
   * records from another Kafka.
   */
  readonly lake: string;
  /** The console's case attachments; recreated together with the stack, whose database references them. */
  readonly attachments: string;
  /** The control plane's anchors of the audit log; recreated together with the stack, which contains the log. */
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
