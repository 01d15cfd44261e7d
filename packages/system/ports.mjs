// The ports of a Tripline system on this machine, all defined here: a contiguous block from ports.json, which
// TRIPLINE_PORT_BASE moves as a whole.
import { readFileSync } from "node:fs";

const { base, offsets } = JSON.parse(readFileSync(new URL("./ports.json", import.meta.url), "utf8"));
const PORT_MIN = 1024;
const PORT_MAX = 65535;

/**
 * Throws a sentence if TRIPLINE_PORT_BASE leaves too little room for the block.
 *
 * @param {Readonly<Record<string, string | undefined>>} environment
 * @returns {import("./ports.mjs").Ports}
 */
export function readPorts(environment = process.env) {
  const text = environment.TRIPLINE_PORT_BASE;
  const first = text === undefined || text === "" ? base : Number(text);
  const firstMax = PORT_MAX - Math.max(...Object.values(offsets));
  if (!Number.isInteger(first) || first < PORT_MIN || first > firstMax) {
    throw new Error(
      `TRIPLINE_PORT_BASE is ${JSON.stringify(text)}; set it to a whole number from ${PORT_MIN} to ${firstMax}.`,
    );
  }
  const ports = Object.entries(offsets).map(([name, offset]) => [name, first + offset]);
  return /** @type {import("./ports.mjs").Ports} */ (Object.fromEntries(ports));
}
