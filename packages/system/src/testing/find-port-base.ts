import { findFreePorts } from "@tripline/local-stack/processes/find-free-ports";
import { readPorts } from "../../ports.mjs";

/** A TRIPLINE_PORT_BASE with only free ports, for a system that a test starts. */
export async function findPortBase(): Promise<string> {
  const ports = Object.values(readPorts({}));
  const width = Math.max(...ports) - Math.min(...ports) + 1;
  const [base = 0] = await findFreePorts(1, { width });
  return String(base);
}
