// Finds ports in use and the process that uses each. Ignores leftovers of this clone's earlier runs, which are stopped
// before anything starts.
import { connect, createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { findHolder } from "./find-holder.mjs";
import { findServers } from "./find-leftovers.mjs";

const HOST = "127.0.0.1";
const CONNECT_MS_MAX = 500;
const POLL_MS = 250;
/**
 * A Tripline that is shutting down ends its servers within this time; the same limit applies to invisible holders of a port.
 */
const ENDING_MS_MAX = 5_000;

/** @typedef {{ name: string, port: number, holder: import("./find-holder.mjs").Holder | undefined, isOurs: boolean }} TakenPort */

/**
 * @param {Readonly<Record<string, number>>} ports by the name of their listener
 * @param {string} root the repository's root
 * @returns {Promise<TakenPort[]>}
 */
export async function findTakenPorts(ports, root) {
  const taken = await Promise.all(Object.entries(ports).map(([name, port]) => examinePort(name, port, root)));
  return taken.flat();
}

/**
 * @param {string} name
 * @param {number} port
 * @param {string} root
 * @returns {Promise<TakenPort[]>}
 */
async function examinePort(name, port, root) {
  const startedMs = Date.now();
  while (await isTaken(port)) {
    const holder = findHolder(port);
    const server = findServers(root).find(({ child }) => child.pid === holder?.pid);
    if (server?.isLeftover) return [];
    const isOurs = server !== undefined;
    const waitMs = isOurs || holder === undefined ? ENDING_MS_MAX : 0;
    if (Date.now() - startedMs >= waitMs) return [{ name, port, holder, isOurs }];
    await delay(POLL_MS);
  }
  return [];
}

/**
 * Tries both to listen and to connect, because some systems let a program listen on one address while another listens
 * on all.
 */
async function isTaken(/** @type {number} */ port) {
  return !(await canListen(port)) || (await canConnect(port));
}

/**
 * @param {number} port
 * @returns {Promise<boolean>}
 */
function canListen(port) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ port, host: HOST, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/**
 * @param {number} port
 * @returns {Promise<boolean>}
 */
function canConnect(port) {
  return new Promise((resolve) => {
    const socket = connect({ port, host: HOST, timeout: CONNECT_MS_MAX });
    const finish = (/** @type {boolean} */ isOpen) => {
      socket.destroy();
      resolve(isOpen);
    };
    socket.once("connect", () => finish(true));
    socket.once("error", () => finish(false));
    socket.once("timeout", () => finish(false));
  });
}
