import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { keepBytecode, provisionPython } from "@tripline/local-stack/provision/provision-python";
import { testStack } from "@tripline/local-stack/testing/stack";
import type { TestIssuer } from "../testing/issuer.js";
import { startIssuer } from "../testing/issuer.js";
import type { TestServing } from "../testing/serving.js";
import { columnsOf, startServing, TENANT } from "../testing/serving.js";

const ROOT = fileURLToPath(new URL("../../../..", import.meta.url));
const REPOSITORY = join(ROOT, "training", "feature_repo");
/** The READMEs' instructions on where features are served. */
const WRITTEN_URL = "http://127.0.0.1:7402";
/** The first run installs Feast, and on a busy machine, importing it takes a long time. */
const START_MS_MAX = 10 * 60_000;
const RUN_MS_MAX = 300_000;

/** A row per day, as build_profiles.py writes it. */
const MAKE_PROFILE = `
import os
import pandas

times = pandas.to_datetime(["2026-07-01", "2026-07-02", "2026-07-02"], utc=True)
pandas.DataFrame({
    "card_token": ["ct_1", "ct_1", "ct_2"], "event_timestamp": times, "card_payments_total": [411, 412, 7],
    "card_active_days_total": [1, 2, 1], "card_amount_mean_total": [3.5, 4.25, 8.0], "card_usual_hour": [9, 9, 23],
    "card_first_paid_ms": [1782864000000, 1782864000000, 1782950400000],
    "card_home_latitude": [52.5, 52.5, 48.1], "card_home_longitude": [13.4, 13.4, 11.6],
}).to_parquet(f"{os.environ['FEAST_DATA']}/card_profile.parquet")
`;

let python: string;
let issuer: TestIssuer;
let serving: TestServing;
let scratch: string;
let token: string;

beforeAll(async () => {
  const requirementsFile = join(REPOSITORY, "requirements.txt");
  ({ python } = await provisionPython({ name: "feature-repo", requirementsFile, root: ROOT.replace(/\/$/, "") }));
  scratch = await mkdtemp(join(tmpdir(), "tripline-feast-readme-"));
  const stack = await testStack();
  issuer = await startIssuer();
  serving = await startServing({ ...issuer.environment, REDIS_URL: stack.redisUrl });
  token = issuer.token("features:read features:write", TENANT);
}, START_MS_MAX);

afterAll(async () => {
  await serving?.close();
  issuer?.close();
  await rm(scratch, { recursive: true, force: true });
});

/** The only code block in a README that contains the given text, with this test's address filled in. */
async function blockOf(readme: string, language: string, text: string): Promise<string> {
  const markdown = await readFile(join(ROOT, readme), "utf8");
  const blocks = Array.from(
    markdown.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, "gms")),
    ([, block = ""]) => block,
  );
  const [block = "", ...others] = blocks.filter((candidate) => candidate.includes(text));
  expect([block === "", others]).toEqual([false, []]);
  return block.replace(WRITTEN_URL, serving.service.url);
}

/** Runs a Bash script in the Feast repository, as the README instructs. */
async function runScript(script: string, environment: Record<string, string> = {}): Promise<string> {
  const env = { PATH: `${dirname(python)}:${process.env.PATH}`, ...keepBytecode(python), FEAST_DATA: scratch };
  const options = { cwd: REPOSITORY, env: { ...env, ...environment }, timeout: RUN_MS_MAX };
  const { stdout } = await promisify(execFile)("bash", ["-euc", script], options);
  return stdout;
}

async function readCards(feature: string, cards: readonly string[]) {
  const body = { features: [`card_profile:${feature}`], entities: { card_token: cards } };
  const answer = await serving.post("/get-online-features", body, { authorization: `Bearer ${token}` });
  return columnsOf(answer).get(feature)?.values;
}

test("accepts the push from the README, and serves it under its name in the Feast repository", async () => {
  const curl = await blockOf("apps/features/README.md", "sh", "/push");
  await runScript(curl.replace(/^curl /, "curl --fail-with-body --silent --show-error "), { TOKEN: token });
  expect(await readCards("card_payments_total", ["ct_1"])).toEqual([412]);
  const profiles = await readFile(join(REPOSITORY, "profiles.py"), "utf8");
  expect(profiles).toContain('"card_payments_total"');
});

test(
  "a client of the running system can follow the Feast repository's README without a Redis",
  async () => {
    const apply = await blockOf("training/feature_repo/README.md", "sh", "remote.yaml");
    const push = await blockOf("training/feature_repo/README.md", "python", "store.push");
    const shown = push.replace(/^(store\.get_online_features.*)$/m, "print($1)");
    const script = `python -c "$MAKE_PROFILE"\n${apply}\npython -c "$PUSH"`;
    const output = await runScript(script.replace("TOKEN=…", `TOKEN=${token}`), { MAKE_PROFILE, PUSH: shown });
    expect(output).toContain("{'card_token': ['ct_1'], 'card_payments_total': [412]}");
    expect(await readCards("card_amount_mean_total", ["ct_1", "ct_2"])).toEqual([4.25, 8]);
  },
  RUN_MS_MAX,
);
