import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { get } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ChannelCredentials } from "@grpc/grpc-js";
import { Client, credentials, Metadata, status } from "@grpc/grpc-js";
import { makeCertificate } from "@tripline/cloud-identity/testing/certificates";
import type { HealthCheckResponse } from "@tripline/contracts/generated/grpc/health/v1/health";
import {
  HealthClient,
  HealthCheckResponse_ServingStatus as Status,
} from "@tripline/contracts/generated/grpc/health/v1/health";
import { ServerCertificate } from "@tripline/settings/server-certificate";
import type { TestScoring } from "../testing/service.js";
import { METHODS, startTestScoring } from "../testing/service.js";
import { HealthCheck } from "./health-service.js";
import { serveGrpc } from "./serve-grpc.js";

const REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
const folder = mkdtempSync(join(tmpdir(), "tripline-grpc-tls-"));
const scorings: TestScoring[] = [];
const clients: Client[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  for (const scoring of scorings.splice(0)) await scoring.close();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function start(changes: Readonly<Record<string, string>> = {}): Promise<TestScoring> {
  const scoring = await startTestScoring(changes);
  scorings.push(scoring);
  return scoring;
}

/** Requests whether the server is ready; rejects if it cannot be reached. */
function isReady({ service }: TestScoring, channel: ChannelCredentials): Promise<boolean> {
  const client = new Client(service.grpcAddress, channel);
  clients.push(client);
  const { path, requestSerialize, responseDeserialize } = METHODS.serverReady;
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      {},
      { deadline: Date.now() + 20_000 },
      (error, response) => (response === undefined ? reject(error) : resolve(response.ready)),
    );
  });
}

function save(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

test("with a certificate, the gRPC port accepts only TLS", async () => {
  const own = await makeCertificate("scoring", ["127.0.0.1"]);
  const scoring = await start({
    GRPC_CERT_FILE: save("s.pem", own.certificate),
    GRPC_KEY_FILE: save("s.key", own.key),
  });
  expect(await isReady(scoring, credentials.createSsl(Buffer.from(own.certificate)))).toBe(true);
  await expect(isReady(scoring, credentials.createInsecure())).rejects.toMatchObject({ code: status.UNAVAILABLE });
  await expect(isReady(scoring, credentials.createSsl())).rejects.toMatchObject({ code: status.UNAVAILABLE });
});

test("with a client CA, rejects a client whose certificate is not from that CA", async () => {
  const [own, known, stranger] = [
    await makeCertificate("scoring", ["127.0.0.1"]),
    await makeCertificate("decisions", ["decisions"]),
    await makeCertificate("stranger", ["stranger"]),
  ];
  const scoring = await start({
    GRPC_CERT_FILE: save("m.pem", own.certificate),
    GRPC_KEY_FILE: save("m.key", own.key),
    GRPC_CLIENT_CA_FILE: save("clients.pem", known.certificate),
  });
  const root = Buffer.from(own.certificate);
  const as = ({ key, certificate }: typeof own) =>
    credentials.createSsl(root, Buffer.from(key), Buffer.from(certificate));
  expect(await isReady(scoring, as(known))).toBe(true);
  await expect(isReady(scoring, as(stranger))).rejects.toMatchObject({ code: status.UNAVAILABLE });
  await expect(isReady(scoring, credentials.createSsl(root))).rejects.toMatchObject({ code: status.UNAVAILABLE });
});

test("accepts only the listed clients among those with valid certificates", async () => {
  const own = await makeCertificate("scoring", ["127.0.0.1"]);
  const [decisions, features] = [
    await makeCertificate("decisions", ["decisions"]),
    await makeCertificate("features", ["features"]),
  ];
  const scoring = await start({
    GRPC_CERT_FILE: save("n.pem", own.certificate),
    GRPC_KEY_FILE: save("n.key", own.key),
    GRPC_CLIENT_CA_FILE: save("named.pem", [decisions, features].map(({ certificate }) => certificate).join("\n")),
    GRPC_CLIENTS: "decisions, another",
  });
  const as = ({ key, certificate }: typeof own) =>
    credentials.createSsl(Buffer.from(own.certificate), Buffer.from(key), Buffer.from(certificate));
  expect(await isReady(scoring, as(decisions))).toBe(true);
  await expect(isReady(scoring, as(features))).rejects.toMatchObject({ code: status.UNAVAILABLE });
});

test("regression #24: HTTP accepts the same clients as gRPC, and serves health probes without a certificate", async () => {
  const own = await makeCertificate("scoring", ["127.0.0.1"]);
  const [decisions, features, stranger] = [
    await makeCertificate("decisions", ["decisions"]),
    await makeCertificate("features", ["features"]),
    await makeCertificate("decisions", ["decisions"]),
  ];
  const port = { certificate: save("v.pem", own.certificate), key: save("v.key", own.key) };
  const scoring = await start({
    ...{ GRPC_CERT_FILE: port.certificate, GRPC_KEY_FILE: port.key },
    ...{ HTTP_CERT_FILE: port.certificate, HTTP_KEY_FILE: port.key },
    GRPC_CLIENT_CA_FILE: save("v-clients.pem", [decisions, features].map(({ certificate }) => certificate).join("\n")),
    GRPC_CLIENTS: "decisions",
  });
  const sendRequest = (path: string, client?: { key: string; certificate: string }) =>
    new Promise<number | undefined>((resolve, reject) => {
      const shown = client === undefined ? {} : { cert: client.certificate, key: client.key };
      get(`${scoring.service.url}${path}`, { ca: own.certificate, agent: false, ...shown }, (response) => {
        response.resume();
        resolve(response.statusCode);
      }).once("error", reject);
    });
  for (const path of ["/v2", "/v2/models/fraud", "/v2/models/stats"]) {
    expect(await sendRequest(path, decisions)).toBe(200);
    for (const client of [undefined, features, stranger]) expect(await sendRequest(path, client)).toBe(403);
  }
  expect(await sendRequest("/health/live")).toBe(200);
});

test("with a certificate, the HTTP port accepts only TLS", async () => {
  const own = await makeCertificate("scoring", ["127.0.0.1"]);
  const scoring = await start({
    HTTP_CERT_FILE: save("h.pem", own.certificate),
    HTTP_KEY_FILE: save("h.key", own.key),
  });
  const { url } = scoring.service;
  const status = await new Promise((resolve, reject) => {
    get(`${url}/health/live`, { ca: own.certificate, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).once("error", reject);
  });
  expect([new URL(url).protocol, status]).toEqual(["https:", 200]);
  await expect(fetch(url.replace("https:", "http:"))).rejects.toThrow("fetch failed");
});

test("gRPC loads a new certificate under traffic without a failed call", async () => {
  const [before, after] = [
    await makeCertificate("before", ["127.0.0.1"]),
    await makeCertificate("after", ["127.0.0.1"]),
  ];
  const certificate = { variable: "GRPC_CERT_FILE", path: save("r.pem", before.certificate) };
  const key = { variable: "GRPC_KEY_FILE", path: save("r.key", before.key) };
  let renewed = (): void => undefined;
  const taken = new Promise<void>((resolve) => {
    renewed = resolve;
  });
  const grpc = await serveGrpc({
    host: "127.0.0.1",
    port: 0,
    certificate: new ServerCertificate({ certificate, key }, { lookEveryMs: 20, onRenewed: renewed }),
    addServices: (to) => new HealthCheck(() => true).addTo(to),
  });
  try {
    const trusted = Buffer.from(`${before.certificate}\n${after.certificate}`);
    /** On a separate connection. */
    const check = async (authorities = trusted): Promise<Status> => {
      const client = new HealthClient(grpc.address, credentials.createSsl(authorities), {
        "grpc.use_local_subchannel_pool": 1,
      });
      try {
        return await new Promise<Status>((resolve, reject) => {
          const deadline = { deadline: Date.now() + 20_000 };
          client.check({ service: "" }, new Metadata(), deadline, (error, response) =>
            error === null ? resolve(response.status) : reject(error),
          );
        });
      } finally {
        client.close();
      }
    };
    expect(await check()).toBe(Status.SERVING);
    let isTaken = false;
    void taken.then(() => {
      isTaken = true;
    });
    save("r.pem", after.certificate);
    save("r.key", after.key);
    while (!isTaken) expect(await check()).toBe(Status.SERVING);
    expect(await check(Buffer.from(after.certificate))).toBe(Status.SERVING);
  } finally {
    await grpc.stop();
  }
});

test("health reports readiness, and notifies watchers when the server drains", async () => {
  const scoring = await start();
  const client = new HealthClient(scoring.service.grpcAddress, credentials.createInsecure());
  clients.push(client);
  const check = (service: string) =>
    new Promise<HealthCheckResponse>((resolve, reject) => {
      client.check({ service }, (error, response) => (error === null ? resolve(response) : reject(error)));
    });
  expect(await check("")).toEqual({ status: Status.SERVING });
  expect(await check("inference.GRPCInferenceService")).toEqual({ status: Status.SERVING });
  await expect(check("other")).rejects.toMatchObject({ code: status.NOT_FOUND });
  const received: Status[] = [];
  const watch = client.watch({ service: "" });
  const first = new Promise((resolve) => watch.once("data", resolve));
  watch.on("data", (response: HealthCheckResponse) => received.push(response.status));
  watch.on("error", () => undefined);
  const ended = new Promise((resolve) => watch.once("end", resolve));
  await first;
  const { client: protocol } = scoring;
  const drained = new Promise((resolve) => watch.once("data", resolve));
  scoring.service.drain();
  expect(await check("")).toEqual({ status: Status.NOT_SERVING });
  expect(await protocol.call(METHODS.serverReady, {})).toEqual({ ready: false });
  expect(await protocol.call(METHODS.modelReady, { name: "fraud", version: "" })).toEqual({ ready: false });
  expect((await fetch(`${scoring.service.url}/v2/health/ready`)).status).toBe(503);
  expect((await protocol.score([[1, 2, 3, 4]])).scores).toHaveLength(1);
  await drained;
  await scorings.pop()?.close();
  await ended;
  expect(received).toEqual([Status.SERVING, Status.NOT_SERVING]);
});

/** The reflection service's response to a ServerReflectionRequest. */
async function reflect({ service }: TestScoring, request: Buffer): Promise<string> {
  const client = new Client(service.grpcAddress, credentials.createInsecure());
  clients.push(client);
  const stream = client.makeBidiStreamRequest(
    REFLECTION,
    (bytes: Buffer) => bytes,
    (bytes: Buffer) => bytes,
  );
  const answer = new Promise<Buffer>((resolve, reject) => {
    stream.once("data", resolve);
    stream.once("error", reject);
  });
  stream.write(request);
  const text = (await answer).toString("latin1");
  stream.end();
  return text;
}

test("reflection lists the services", async () => {
  // Field 7, list_services, as an empty string.
  const text = await reflect(await start(), Buffer.of(0x3a, 0));
  expect(text).toContain("inference.GRPCInferenceService");
  expect(text).toContain("grpc.health.v1.Health");
});

test("regression #24: reflection uses the protocol's own names for fields and maps", async () => {
  const symbol = Buffer.from("inference.GRPCInferenceService");
  // Field 4, file_containing_symbol.
  const text = await reflect(await start(), Buffer.concat([Buffer.of(0x22, symbol.length), symbol]));
  expect(text).toContain("raw_input_contents");
  expect(text).toContain("model_name");
  // With another file name, grpcurl rejects the whole file.
  expect(text).toContain("PropertiesEntry");
  expect(text).not.toMatch(/\bProperties\b/);
});
