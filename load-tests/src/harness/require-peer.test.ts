import { fileURLToPath } from "node:url";
import { requirePeer } from "./require-peer.js";

const here = fileURLToPath(import.meta.url);

test("reports a peer that was not built in one sentence with the fix", async () => {
  await expect(requirePeer({ name: "bare", file: "/nowhere/main.js", packages: [] })).rejects.toThrow(
    "The peer bare is not built: /nowhere/main.js is missing. Install and build it with `node tools/start/install.mjs`.",
  );
});

test("reports a missing package the same way", async () => {
  await expect(requirePeer({ name: "express", file: here, packages: ["no-such-package"] })).rejects.toThrow(
    "The peer express needs the package no-such-package, which is missing. Install and build it",
  );
});

test("accepts an installed peer", async () => {
  await expect(requirePeer({ name: "kafkajs", file: here, packages: ["kafkajs"] })).resolves.toBeUndefined();
});
