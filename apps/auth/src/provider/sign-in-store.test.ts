import { testStack } from "@tripline/local-stack/testing/stack";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { connectDatabase } from "@tripline/stores/postgres/connect-database";
import { migrateDatabase } from "@tripline/stores/postgres/migrate-database";
import { AUTH_MIGRATIONS } from "../database/set-up-database.js";
import { signInStore } from "./sign-in-store.js";

const KEY = Buffer.alloc(32, 1);

let database: Database;

beforeAll(async () => {
  const { postgresUrl: url } = await testStack();
  database = connectDatabase({ url, connectionsMax: 4, queryTimeoutMs: 30_000, onIdleError() {} });
  await database.transaction((transaction) => migrateDatabase(transaction, AUTH_MIGRATIONS));
});

afterAll(() => database.close());

test("if a code is used twice concurrently, the second use is rejected and revokes the tokens of the first", async () => {
  const store = signInStore(database, KEY);
  const [codes, refreshTokens, grants] = [store("AuthorizationCode"), store("RefreshToken"), store("Grant")];
  await grants.upsert("grant", { accountId: "anna" }, 60);
  await codes.upsert("code", { grantId: "grant", accountId: "anna" }, 60);
  // Both requests find the code before either of them uses it.
  const found = await Promise.all([codes.find("code"), codes.find("code")]);
  expect(found.map((code) => code?.consumed)).toEqual([undefined, undefined]);
  await codes.consume("code");
  await refreshTokens.upsert("refresh", { grantId: "grant", accountId: "anna" }, 60);
  await expect(codes.consume("code")).rejects.toMatchObject({ error: "invalid_grant" });
  const left = [await codes.find("code"), await refreshTokens.find("refresh"), await grants.find("grant")];
  expect(left).toEqual([undefined, undefined, undefined]);
});

test("a stored value can be decrypted only with the same key, in the same row, before it expires", async () => {
  const sessions = signInStore(database, KEY)("Session");
  await sessions.upsert("one", { uid: "uid-of-one", accountId: "anna" }, 60);
  await sessions.upsert("two", { uid: "uid-of-two", accountId: "ben" }, 60);
  await expect(sessions.findByUid("uid-of-one")).resolves.toMatchObject({ accountId: "anna" });
  await expect(signInStore(database, Buffer.alloc(32, 2))("Session").find("one")).resolves.toBeUndefined();
  await database.execute(
    `UPDATE auth.sign_ins SET sealed = (SELECT sealed FROM auth.sign_ins WHERE person_id = 'ben' AND model = 'Session')
     WHERE person_id = 'anna' AND model = 'Session'`,
    [],
  );
  await expect(sessions.find("one")).resolves.toBeUndefined();
  await expect(sessions.find("two")).resolves.toMatchObject({ accountId: "ben" });
  await database.execute("UPDATE auth.sign_ins SET expires_at = now() WHERE person_id = 'ben'", []);
  await expect(sessions.find("two")).resolves.toBeUndefined();
});
