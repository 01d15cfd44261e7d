import { X509Certificate } from "node:crypto";
import { readFileSync, rmSync } from "node:fs";
import { makeTestDirectory } from "../testing/directory.js";
import { LocalAuthority } from "./local-authority.js";

const directory = makeTestDirectory();

afterAll(() => rmSync(directory, { recursive: true, force: true }));

test("issues a program's certificate for all its host names, and reissues it if one is missing", async () => {
  const plain = await LocalAuthority.keep(directory);
  expect(await plain.issueWhereNeeded("scoring")).toBe(true);
  expect(await plain.issueWhereNeeded("scoring")).toBe(false);
  const named = await LocalAuthority.keep(directory, ["tripline-*", "tripline-*-grpc.payments.svc"]);
  expect(await named.issueWhereNeeded("scoring")).toBe(true);
  expect(await named.issueWhereNeeded("scoring")).toBe(false);
  const certificate = new X509Certificate(readFileSync(named.identityOf("scoring").certificateFile));
  expect(certificate.subjectAltName?.split(", ")).toEqual([
    "IP Address:127.0.0.1",
    "DNS:localhost",
    "DNS:scoring",
    "DNS:tripline-scoring",
    "DNS:tripline-scoring-grpc.payments.svc",
  ]);
});
