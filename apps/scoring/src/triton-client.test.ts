import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { keepBytecode, provisionPython } from "@tripline/local-stack/provision/provision-python";
import type { TestScoring } from "./testing/service.js";
import { publishAs, startTestScoring } from "./testing/service.js";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url)).replace(/\/$/, "");
const CLIENTS = `${ROOT}/apps/scoring/clients`;
/** Installing takes seconds or minutes, depending on the network. */
const INSTALL_MS_MAX = 600_000;
const CALLS_MS_MAX = 120_000;

let python: string;
let scoring: TestScoring;

beforeAll(async () => {
  const requirementsFile = `${CLIENTS}/requirements.txt`;
  ({ python } = await provisionPython({ name: "scoring-clients", requirementsFile, root: ROOT }));
  scoring = await startTestScoring(
    {
      MODELS: "fraud@champion,fraud@challenger,*@champion",
      MODEL_CONTROL: "explicit",
      MODEL_SETTINGS: '{"amounts":{"workers":2}}',
      ROWS_PER_RUN_MAX: "64",
    },
    async (models) => {
      await publishAs(models, "amounts", "sometimes-nan", "champion");
      await publishAs(models, "broken", "wrong-golden", "champion");
      await publishAs(models, "unnamed", "champion", "draft");
    },
  );
}, INSTALL_MS_MAX);

afterAll(() => scoring?.close());

test(
  "NVIDIA's client gets Triton's responses over gRPC and HTTP",
  async () => {
    const golden = await scoring.golden(["fraud@champion", "fraud@challenger", "amounts@champion"]);
    const { stdout } = await promisify(execFile)(python, ["-m", "pytest", "--color=no", CLIENTS], {
      cwd: CLIENTS,
      timeout: CALLS_MS_MAX,
      env: {
        ...process.env,
        ...keepBytecode(python),
        GRPC_ADDRESS: scoring.service.grpcAddress,
        HTTP_ADDRESS: new URL(scoring.service.url).host,
        GOLDEN: JSON.stringify(golden),
      },
    }).catch((error: { stdout?: string; stderr?: string }) => {
      throw new Error(`${error.stdout}\n${error.stderr}`);
    });
    expect(stdout).toMatch(/^\d\d+ passed in /m);
  },
  CALLS_MS_MAX,
);
