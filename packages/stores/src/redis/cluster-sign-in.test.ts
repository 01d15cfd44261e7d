import { Cluster } from "ioredis";
import { ClusterSignIn } from "./cluster-sign-in.js";
import { RENEW_RETRY_MS } from "./signed-in-redis.js";

const LIFETIME_MS = 60_000;

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

/** A node that rejects the first `failures` passwords. */
function testNode(failures = 0) {
  const offered: string[] = [];
  const auth = async (_user: string, password: string) => {
    offered.push(password);
    if (offered.length <= failures) throw new Error("the connection is lost");
  };
  return { offered, auth, status: "ready", options: { username: "", password: "" } };
}

test("regression #33: a token that a node did not accept is offered to that node again", async () => {
  const nodes = [testNode(), testNode(2)];
  const cluster = new Cluster([{ host: "127.0.0.1", port: 1 }], { lazyConnect: true });
  Object.assign(cluster, { nodes: () => nodes, connect: async () => {} });
  const errors: string[] = [];
  let minted = 0;
  let renewAtMs = 0;
  const signIn = async () => {
    if (Date.now() >= renewAtMs) {
      minted += 1;
      renewAtMs = Date.now() + LIFETIME_MS;
    }
    return { user: "shop", password: `token ${minted}`, renewAtMs };
  };
  new ClusterSignIn(cluster, signIn, ({ message }) => errors.push(message)).start();
  await jest.advanceTimersByTimeAsync(LIFETIME_MS + 3 * RENEW_RETRY_MS);
  expect(nodes.map(({ offered }) => offered)).toEqual([["token 2"], ["token 2", "token 2", "token 2"]]);
  expect(nodes.map(({ options }) => options.password)).toEqual(["token 2", "token 2"]);
  expect(errors).toEqual(["the connection is lost", "the connection is lost"]);
  await jest.advanceTimersByTimeAsync(LIFETIME_MS);
  expect(nodes.map(({ offered }) => offered.at(-1))).toEqual(["token 3", "token 3"]);
  cluster.emit("end");
});
