import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeSecrets } from "./write-secrets.js";

describe("makeSecrets", () => {
  let folder: string;
  const read = (file: string): string => readFileSync(join(folder, file), "utf8");
  const FILES = [
    "auth/bootstrap-clients",
    "auth/key-encryption-key",
    "auth/postgres-url",
    "client/client-secret",
    "ingestion/card-token-key",
    "postgres/password",
  ];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "tripline-secrets-"));
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  test("services that share a secret get the same one", () => {
    expect(makeSecrets(folder, "db:5432/tripline")).toHaveLength(4);
    expect(Buffer.from(read("ingestion/card-token-key"), "base64")).toHaveLength(32);
    expect(read("auth/postgres-url")).toBe(`postgres://tripline:${read("postgres/password")}@db:5432/tripline`);
    expect(JSON.parse(read("auth/bootstrap-clients"))).toMatchObject([{ client_secret: read("client/client-secret") }]);
  });

  test("existing secrets stay", () => {
    makeSecrets(folder, "db:5432/tripline");
    const before = FILES.map(read);
    expect(makeSecrets(folder, "db:5432/tripline")).toEqual([]);
    expect(FILES.map(read)).toEqual(before);
  });

  test("a secret that was written only in part is created again as a whole, the others stay", () => {
    makeSecrets(folder, "db:5432/tripline");
    const before = FILES.map(read);
    rmSync(join(folder, "client-secret.made"));
    rmSync(join(folder, "auth/bootstrap-clients"));
    expect(makeSecrets(folder, "db:5432/tripline")).toEqual(["client-secret"]);
    const changed = FILES.filter((file, index) => read(file) !== before[index]);
    expect(changed).toEqual(["auth/bootstrap-clients", "client/client-secret"]);
    expect(JSON.parse(read("auth/bootstrap-clients"))).toMatchObject([{ client_secret: read("client/client-secret") }]);
  });
});
