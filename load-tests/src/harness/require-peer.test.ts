import { fileURLToPath } from "node:url";
import { requirePeer } from "./require-peer.js";

const here = fileURLToPath(import.meta.url);

test("a peer that was not built is reported in one sentence that says how to fix it", async () => {
  await expect(requirePeer({ name: "bare", file: "/nowhere/main.js", packages: [] })).rejects.toThrow(
    "The peer bare is not built: /nowhere/main.js is missing. Install and build it with `node tools/start/install.mjs`.",
  );
});

test("a missing package is reported the same way", async () => {
  await expect(requirePeer({ name: "express", file: here, packages: ["no-such-package"] })).rejects.toThrow(
    "The peer express needs the package no-such-package, which is missing. Install and build it",
  );
});

test("a peer that is there passes", async () => {
  await expect(requirePeer({ name: "kafkajs", file: here, packages: ["kafkajs"] })).resolves.toBeUndefined();
});
