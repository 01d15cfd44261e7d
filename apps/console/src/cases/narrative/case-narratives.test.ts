import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import type { AddressInfo, Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { parseFeatureSpec } from "@tripline/contracts/feature-spec";
import { createLogger } from "@tripline/telemetry/logger";
import type { FakeService } from "../../testing/fake-service.js";
import { startFakeService } from "../../testing/fake-service.js";
import type { CaseFacts } from "../narrate-case.js";
import { blindFacts } from "./blind-facts.js";
import { CaseNarratives } from "./case-narratives.js";
import type { ModelPlace } from "./narrative-model.js";

const WAIT_MS = 60_000;
const CANARY = "canary";
const SECOND_MS = 1_000;
const logger = createLogger("test", "silent");

let fake: FakeService;
/** Bedrock's own client supports only HTTP/2. */
let http2: Server;
let folder: string;

beforeAll(async () => {
  fake = await startFakeService();
  http2 = createHttp2Server((request, response) => {
    // The handler uses only the compatible part of HTTP/2.
    fake.handle(request as never, response as never);
  }).listen(0, "127.0.0.1");
  await once(http2, "listening");
  folder = mkdtempSync(join(tmpdir(), "tripline-identity-"));
  writeFileSync(join(folder, "token"), "a-token-of-the-cluster");
  const google = {
    type: "external_account",
    audience: "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/cluster",
    subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
    token_url: `${fake.url}/token`,
    credential_source: { file: join(folder, "token") },
  };
  writeFileSync(join(folder, "google.json"), JSON.stringify(google));
});

afterAll(() => {
  fake.close();
  http2.close();
  rmSync(folder, { recursive: true });
});

beforeEach(() => {
  fake.seen.length = 0;
});

const PROGRAM = `
const [library, place, facts, times] = JSON.parse(process.argv[1]);
const { CaseNarratives } = await import(library);
const narratives = new CaseNarratives(place, { warn() {} });
let noted = 0;
const written = [];
for (let time = 0; time < times; time += 1) {
  written.push(await narratives.write("acme", facts, async () => void (noted += 1)));
}
process.stdout.write(JSON.stringify({ written, noted }));
process.exit();
`;

/** Writes summaries in a separate process with the environment and libraries of a service. */
async function write(place: ModelPlace, times: number): Promise<{ written: unknown[]; noted: number }> {
  const library = new URL("case-narratives.js", import.meta.url).href;
  const given = JSON.stringify([library, place, factsOf("one"), times]);
  const env = {
    GOOGLE_APPLICATION_CREDENTIALS: join(folder, "google.json"),
    AWS_ACCESS_KEY_ID: "AKIATEST",
    AWS_SECRET_ACCESS_KEY: "secret",
  };
  const asked = promisify(execFile)(process.execPath, ["--input-type=module", "--eval", PROGRAM, given], { env });
  return JSON.parse((await asked).stdout);
}

const addressOf = (server: Server): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

/** A case in which every text that a payment, user or rule can set contains the canary. */
function factsOf(id: string): CaseFacts {
  const person = { id: CANARY, name: CANARY };
  const row = {
    id,
    status: "open" as const,
    cardToken: CANARY,
    outcome: "review" as const,
    score: 0.7,
    payments: 2,
    amountMinor: 24_690,
    currency: "EUR",
    reasons: [CANARY],
    openedAtMs: 0,
    changedAtMs: 0,
    dueAtMs: 0,
    snoozedUntilMs: null,
    assignee: person,
    isEscalated: false,
    verdict: null,
    undoUntilMs: null,
    revision: 3,
  };
  const reason = { code: CANARY, text: CANARY, outcome: "review" as const };
  const focus = {
    transactionId: CANARY,
    clientTransactionId: CANARY,
    cardToken: CANARY,
    terminalId: CANARY,
    amountMinor: 12_345,
    currency: "EUR",
    occurredAtMs: Date.parse("2026-11-27T03:20:11Z"),
    decidedAtMs: 0,
    latencyMs: 3,
    outcome: "review" as const,
    score: 0.7,
    rung: "model" as const,
    reason,
    caseId: CANARY,
    label: { fraud: false, source: CANARY, labelledAtMs: 0 },
    degradedBecause: CANARY,
    policyVersion: CANARY,
    policyRevision: 1,
    explorationProbability: null,
    modelName: CANARY,
    modelVersion: CANARY,
    featureSpecVersion: 1,
    facts: [{ name: CANARY, title: CANARY, text: CANARY }],
    shadowHits: [],
    skippedRules: [],
    trial: null,
    reasons: [reason, { code: "NIGHT_ABROAD", text: CANARY, outcome: "review" as const }],
    features: [{ name: CANARY, title: CANARY, value: 1, text: CANARY, reasonCodes: [CANARY] }],
    contributions: {
      baseLogOdds: -4,
      of: [{ feature: CANARY, title: "Payments of this card, 5 minutes", text: "4", logOdds: 1.5 }],
    },
    listHits: [{ list: "watch", kind: CANARY, effect: CANARY, reason: CANARY }],
  };
  const usual = {
    payments: 12,
    paymentsPerDay: 0.4,
    amountMedianMinor: 1_000,
    amountP05Minor: 500,
    amountP95Minor: 4_000,
    byHour: [],
    terminals: 3,
    amounts: [],
  };
  const node = { kind: "terminal" as const, value: CANARY, payments: 4, frauds: 2, isSubject: false };
  const graph = { nodes: [{ ...node, id: CANARY }], edges: [], isCut: false };
  return { row, focus, usual, graph };
}

const azure = (): ModelPlace => ({
  kind: "azure",
  model: "writer",
  endpoint: fake.url,
  apiKey: "a-key",
  waitMs: WAIT_MS,
});

const PLACES: readonly (readonly [string, () => ModelPlace, object, string])[] = [
  [
    "AWS Bedrock",
    () => ({
      kind: "bedrock",
      model: "eu.maker.model-v1:0",
      region: "eu-central-1",
      endpoint: addressOf(http2),
      waitMs: WAIT_MS,
    }),
    { output: { message: { role: "assistant", content: [{ text: "  Two\n sentences. " }] } }, stopReason: "end_turn" },
    "/model/eu.maker.model-v1%3A0/converse",
  ],
  [
    "Azure OpenAI",
    azure,
    { choices: [{ index: 0, message: { role: "assistant", content: "Two sentences." }, finish_reason: "stop" }] },
    "/openai/deployments/writer/chat/completions?api-version=2024-10-21",
  ],
  [
    "Vertex AI",
    () => ({
      kind: "vertex",
      model: "writer",
      region: "europe-west3",
      project: "shop",
      endpoint: fake.url,
      waitMs: WAIT_MS,
    }),
    {
      access_token: "a-token",
      issued_token_type: "urn:ietf:params:oauth:token-type:access_token",
      token_type: "Bearer",
      expires_in: 3_600,
      candidates: [{ content: { role: "model", parts: [{ text: "Two sentences." }] }, finishReason: "STOP" }],
    },
    "/v1beta1/projects/shop/locations/europe-west3/publishers/google/models/writer:generateContent",
  ],
];

describe.each(PLACES)("%s", (_, place, body, path) => {
  test("writes a summary with the API's request format and gets no identifying facts", async () => {
    fake.answer = { status: 200, body };
    const text = { text: "Two sentences.", model: place().model, fallback: null };
    // The second request for this revision of the case gets the cached summary.
    await expect(write(place(), 2)).resolves.toEqual({ written: [text, text], noted: 1 });
    const asked = fake.seen.filter((one) => one.path === path);
    expect(asked.map(({ method }) => method)).toEqual(["POST"]);
    expect(asked[0]?.headers.authorization ?? asked[0]?.headers["api-key"]).toMatch(
      /^(AWS4-HMAC|Bearer a-token|a-key)/,
    );
    const sent = JSON.stringify(fake.seen);
    expect(sent).toContain("Payments of this card, 5 minutes");
    expect(sent).toMatch(/123\.45 EUR.*NIGHT_ABROAD/);
    expect(sent).not.toMatch(new RegExp(`${CANARY}|48\\.2|16\\.37|2026-11-27|03:20`, "i"));
  });

  test("is replaced by the template after an error, and the request is still audited", async () => {
    fake.answer = { status: 429, body: { error: { code: 429, message: "slow down" }, message: "slow down" } };
    const template = { model: null, fallback: "failed", text: expect.stringContaining("held for review") };
    await expect(write(place(), 1)).resolves.toMatchObject({ written: [template], noted: 1 });
  });
});

test("does not contain the value of a category, because it is text from the payment", () => {
  const category = { name: "source", kind: "category", field: "ip_country", default: 0, sentence: "It is {value}." };
  const entities = { card: { key: "card_token" } };
  const spec = parseFeatureSpec(JSON.stringify({ version: 1, windows: {}, entities, features: [category] }));
  const facts = factsOf("one");
  const of = [{ feature: "source", title: "Ip country", text: CANARY, logOdds: 1 }];
  const sent = blindFacts({ ...facts, focus: { ...facts.focus, contributions: { baseLogOdds: 0, of } } }, spec);
  expect(sent.what_moved_the_score).toEqual([{ value: "Ip country", towards: "fraud" }]);
});

test("does not wait for an unresponsive model, and sends at most four concurrent requests", async () => {
  const silent = createServer(() => {}).listen(0, "127.0.0.1");
  await once(silent, "listening");
  const place = { ...azure(), endpoint: addressOf(silent), waitMs: SECOND_MS };
  const narratives = new CaseNarratives(place, logger);
  const ids = ["a", "b", "c", "d", "e"];
  const texts = await Promise.all(ids.map((id) => narratives.write("acme", factsOf(id), async () => {})));
  expect(texts.map(({ fallback }) => fallback)).toEqual(["late", "late", "late", "late", "busy"]);
  silent.closeAllConnections();
  silent.close();
});

test("without a model, the template writes the text, and no request is sent or audited", async () => {
  const narratives = new CaseNarratives(undefined, logger);
  const written = await narratives.write("acme", factsOf("one"), () => Promise.reject(new Error("noted")));
  expect([narratives.modelName, written.model, written.fallback]).toEqual([null, null, null]);
  expect(written.text).toContain("123.45 EUR");
  expect(fake.seen).toEqual([]);
});
