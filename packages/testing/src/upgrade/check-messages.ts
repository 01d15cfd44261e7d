import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { ROOT } from "@tripline/system/services/workspace";

const CONTRACTS = join("packages", "contracts");

/**
 * Checks that this build can read another build's protobuf messages, according to the rules in `buf.yaml`.
 *
 * @param root root folder of the other build's checkout
 * @throws Error with buf's findings, for example a field number with a new meaning
 */
export function checkMessages(root: string): void {
  const buf = join(ROOT, "node_modules", ".bin", "buf");
  const args = ["breaking", "--against", join(root, CONTRACTS)];
  const { status, stdout, stderr, error } = spawnSync(buf, args, { cwd: join(ROOT, CONTRACTS), encoding: "utf8" });
  if (status === 0) return;
  throw new Error(`This build cannot read the messages of ${root}:\n${stdout}${stderr}`, { cause: error });
}
