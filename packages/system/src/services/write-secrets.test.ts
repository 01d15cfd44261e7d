import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { makeSecrets } from "./write-secrets.js";

describe("makeSecrets", () => {
  let folder: string;
  const read = (file: string): string => readFileSync(join(folder, file), "utf8");
  const FILES = [
    "auth/bootstrap-clients",
    "auth/bootstrap-people",
    "auth/console-client-secret",
    "auth/key-encryption-key",
    "auth/postgres-url",
    "client/approver-secret",
    "client/client-secret",
    "client/demo-lead-password",
    "client/demo-password",
    "client/operator-secret",
    "console/client-secret",
    "console/postgres-url",
    "console/session-key",
    "control/audit-signing-key",
    "control/personal-master-key",
    "control/postgres-url",
    "ingestion/card-token-key",
    "ingestion/personal-master-key",
    "postgres/password",
    "store-collector/password",
    "training/client-secret",
  ];

  const CLIENTS = ["client/client", "client/operator", "client/approver", "training/client"];
  const registered = z.array(z.object({ client_secret: z.string() }));
  const registeredSecrets = (): string[] =>
    registered.parse(JSON.parse(read("auth/bootstrap-clients"))).map((client) => client.client_secret);

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "tripline-secrets-"));
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  test("services that share a secret get the same one", () => {
    expect(makeSecrets(folder, "db:5432/tripline")).toHaveLength(13);
    expect(read("control/personal-master-key")).toBe(read("ingestion/personal-master-key"));
    expect(Buffer.from(read("ingestion/card-token-key"), "base64")).toHaveLength(32);
    expect(read("auth/postgres-url")).toBe(`postgres://tripline:${read("postgres/password")}@db:5432/tripline`);
    expect(read("control/postgres-url")).toBe(read("auth/postgres-url"));
    expect(read("store-collector/password")).toBe(read("postgres/password"));
    expect(registeredSecrets()).toEqual(CLIENTS.map((name) => read(`${name}-secret`)));
  });

  test("keeps existing secrets", () => {
    makeSecrets(folder, "db:5432/tripline");
    const before = FILES.map(read);
    expect(makeSecrets(folder, "db:5432/tripline")).toEqual([]);
    expect(FILES.map(read)).toEqual(before);
  });

  test("keeps secrets of an earlier version, and adds missing ones", () => {
    makeSecrets(folder, "db:5432/tripline");
    const password = read("postgres/password");
    rmSync(join(folder, "control"), { recursive: true });
    rmSync(join(folder, "control-database.made"));
    expect(makeSecrets(folder, "db:5432/tripline")).toEqual(["control-database"]);
    expect(read("postgres/password")).toBe(password);
    expect(read("control/postgres-url")).toContain(password);
  });

  test("recreates a partially written secret, and keeps the others", () => {
    makeSecrets(folder, "db:5432/tripline");
    const before = FILES.map(read);
    rmSync(join(folder, "client-secrets.made"));
    rmSync(join(folder, "auth/bootstrap-clients"));
    expect(makeSecrets(folder, "db:5432/tripline")).toEqual(["client-secrets"]);
    const changed = FILES.filter((file, index) => read(file) !== before[index]);
    expect(changed).toEqual([
      "auth/bootstrap-clients",
      ...["approver", "client", "operator"].map((name) => `client/${name}-secret`),
    ]);
    expect(registeredSecrets()).toEqual(CLIENTS.map((name) => read(`${name}-secret`)));
  });
});
