import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { Server } from "node:https";
import { createServer, get } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ConnectionOptions, TLSSocket } from "node:tls";
import { connect } from "node:tls";
import type { TestCertificate } from "@tripline/cloud-identity/testing/certificates";
import { makeCertificate } from "@tripline/cloud-identity/testing/certificates";
import { ServerCertificate } from "./server-certificate.js";

const LOOK_EVERY_MS = 20;

const folder = mkdtempSync(join(tmpdir(), "tripline-renewed-"));
const certificate = { variable: "HTTP_CERT_FILE", path: join(folder, "tls.crt") };
const key = { variable: "HTTP_KEY_FILE", path: join(folder, "tls.key") };
let server: Server;
let port: number;
let before: TestCertificate;
let after: TestCertificate;
let notify: (event: "renewed" | "fault") => void = () => undefined;

beforeAll(async () => {
  [before, after] = [await makeCertificate("before", ["127.0.0.1"]), await makeCertificate("after", ["127.0.0.1"])];
  writeFileSync(certificate.path, before.certificate);
  writeFileSync(key.path, before.key);
  const served = new ServerCertificate(
    { certificate, key },
    { lookEveryMs: LOOK_EVERY_MS, onRenewed: () => notify("renewed"), onFault: () => notify("fault") },
  );
  server = createServer(served.serverOptions(), (_request, response) => response.end("fine"));
  served.renew(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  ({ port } = server.address() as AddressInfo);
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

const untilNotified = (wanted: "renewed" | "fault") =>
  new Promise<void>((resolve) => {
    notify = (event) => {
      if (event === wanted) resolve();
    };
  });

/** The name in the certificate that a new connection receives. */
async function nameShown(options: ConnectionOptions = {}): Promise<string | undefined> {
  const socket: TLSSocket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false, ...options });
  try {
    await once(socket, "secureConnect");
    return [socket.getPeerCertificate().subject.CN].flat()[0];
  } finally {
    socket.destroy();
  }
}

/** A request on a new connection, by a client that trusts the certificates from before and after the renewal. */
function request(): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const trusted = { ca: [before.certificate, after.certificate], agent: false };
    get({ host: "127.0.0.1", port, ...trusted }, (response) => {
      response.resume().once("end", () => resolve(response.statusCode));
    }).once("error", reject);
  });
}

test("regression #24: loads files that changed before the first check", async () => {
  const early = { certificate: join(folder, "early.crt"), key: join(folder, "early.key") };
  const saveEarly = (made: TestCertificate) => {
    writeFileSync(early.certificate, made.certificate);
    writeFileSync(early.key, made.key);
  };
  saveEarly(before);
  const renewed = Promise.withResolvers<void>();
  const served = new ServerCertificate(
    { certificate: { ...certificate, path: early.certificate }, key: { ...key, path: early.key } },
    { lookEveryMs: LOOK_EVERY_MS, onRenewed: renewed.resolve },
  );
  const second = createServer(served.serverOptions());
  try {
    saveEarly(after);
    served.renew(second);
    second.listen(0, "127.0.0.1");
    await renewed.promise;
    const { port } = second.address() as AddressInfo;
    expect(await nameShown({ port })).toBe("after");
  } finally {
    second.close();
  }
});

test("rejects versions below TLS 1.3", async () => {
  await expect(nameShown({ maxVersion: "TLSv1.2" })).rejects.toMatchObject({
    code: expect.stringMatching(/^ERR_SSL_/),
  });
  expect(await nameShown()).toBe("before");
});

test("loads a new certificate under traffic without a failed request, and keeps the old one until the update is complete", async () => {
  const answers: (number | undefined)[] = [];
  let isOver = false;
  const traffic = async (): Promise<void> => {
    while (!isOver) answers.push(await request());
  };
  const clients = [traffic(), traffic()];
  const halfway = untilNotified("fault");
  writeFileSync(certificate.path, after.certificate);
  await halfway;
  expect(await nameShown()).toBe("before");
  const renewed = untilNotified("renewed");
  writeFileSync(key.path, after.key);
  await renewed;
  const answeredBefore = answers.length;
  while (answers.length < answeredBefore + 4) expect(await request()).toBe(200);
  isOver = true;
  await Promise.all(clients);
  expect(await nameShown()).toBe("after");
  expect(new Set(answers)).toEqual(new Set([200]));
});
