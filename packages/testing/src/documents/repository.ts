import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";

const HELP_MS_MAX = 180_000;
const COMPOSE_FILES = ["compose.yaml", "compose.lite.yaml", "compose.tls.yaml", "deploy/observability/compose.yaml"];
const CHARTS = "deploy/helm";

const composeFile = z.object({
  services: z.record(z.string(), z.object({ profiles: z.array(z.string()).default([]) })),
});
const packageFile = z.object({ scripts: z.record(z.string(), z.string()) });

interface Schema {
  readonly $ref?: string | undefined;
  readonly properties?: Record<string, Schema> | undefined;
  readonly additionalProperties?: boolean | Schema | undefined;
  readonly $defs?: Record<string, Schema> | undefined;
}
const schema: z.ZodType<Schema> = z.lazy(() =>
  z.object({
    $ref: z.string().optional(),
    properties: z.record(z.string(), schema).optional(),
    additionalProperties: z.union([z.boolean(), schema]).optional(),
    $defs: z.record(z.string(), schema).optional(),
  }),
);

/** The parts of the repository that documented commands may refer to. */
export class Repository {
  readonly scripts: Readonly<Record<string, string>>;
  readonly composeServices: ReadonlySet<string>;
  readonly composeProfiles: ReadonlySet<string>;
  readonly #chart: Schema;
  readonly #help = new Map<string, string>();

  /** @param written names of files that a documented command creates and that may therefore be missing */
  constructor(
    readonly root: string,
    readonly written: ReadonlySet<string>,
  ) {
    this.scripts = packageFile.parse(JSON.parse(this.read("package.json"))).scripts;
    const services = COMPOSE_FILES.map(
      (file) => composeFile.parse(parse(this.read(file), { merge: true, logLevel: "error" })).services,
    );
    this.composeServices = new Set(services.flatMap((named) => Object.keys(named)));
    this.composeProfiles = new Set(
      services.flatMap((named) => Object.values(named).flatMap(({ profiles }) => profiles)),
    );
    const [chart = ""] = readdirSync(join(root, CHARTS));
    this.#chart = schema.parse(JSON.parse(this.read(join(CHARTS, chart, "values.schema.json"))));
  }

  /** @param file relative to the root */
  read(file: string): string {
    return readFileSync(join(this.root, file), "utf8");
  }

  /** The help text of one of our built programs. */
  helpOf(program: string, subcommand: readonly string[]): string {
    const key = [program, ...subcommand].join(" ");
    const known = this.#help.get(key);
    if (known !== undefined) return known;
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [join(this.root, program), ...subcommand, "--help"],
      {
        cwd: this.root,
        encoding: "utf8",
        timeout: HELP_MS_MAX,
        env: { ...process.env, NODE_OPTIONS: "" },
      },
    );
    if (status !== 0) throw new Error(`${key} --help: ${stderr}`);
    this.#help.set(key, stdout);
    return stdout;
  }

  /** Whether the chart's schema contains a value, given its keys from the top level. */
  hasChartValue(keys: readonly string[]): boolean {
    let at: Schema | undefined = this.#chart;
    for (const key of keys) {
      at = this.#followed(at);
      const open: boolean | Schema | undefined = at?.additionalProperties;
      const next: Schema | undefined = at?.properties?.[key] ?? (typeof open === "object" ? open : undefined);
      // An object without declared keys accepts any key.
      if (next === undefined) return at !== undefined && at.properties === undefined && open !== false;
      at = next;
    }
    return at !== undefined;
  }

  #followed(at: Schema | undefined): Schema | undefined {
    const name = at?.$ref?.split("/").at(-1);
    return name === undefined ? at : this.#chart.$defs?.[name];
  }
}
