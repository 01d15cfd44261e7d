import { readdirSync, readFileSync } from "node:fs";
import { parse } from "yaml";
import { z } from "zod";

const TEMPLATES = new URL("../../../../deploy/helm/tripline/templates/", import.meta.url);
const ACCESS = new URL("../../../../infra/access.yaml", import.meta.url);

/** API groups that the built-in role `admin` of Kubernetes covers. */
const OWN_GROUPS = new Set(["", "apps", "autoscaling", "batch", "networking.k8s.io", "policy"]);
const OBJECT = /^apiVersion: (.+)\nkind: (.+)$/gm;
/** A template may choose between alternatives, so every quoted text counts. */
const CHOICES = /"([^"]+)"/g;

const access = z
  .object({ deployer: z.record(z.string(), z.array(z.string())) })
  .parse(parse(readFileSync(ACCESS, "utf8")));

function choicesOf(text: string): string[] {
  const choices = [...text.matchAll(CHOICES)].map(([, choice = ""]) => choice);
  return choices.length === 0 ? [text] : choices;
}

/** Kinds of custom resources that the chart creates, as `<group>/<resource>`. */
function madeByTheChart(): Set<string> {
  const made = new Set<string>();
  for (const file of readdirSync(TEMPLATES, { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith(".yaml")) continue;
    for (const [, versions = "", kinds = ""] of readFileSync(new URL(file, TEMPLATES), "utf8").matchAll(OBJECT)) {
      const kindsOf = choicesOf(kinds);
      for (const [index, version] of choicesOf(versions).entries()) {
        const group = version.includes("/") ? (version.split("/")[0] ?? "") : "";
        const kind = kindsOf[index] ?? "";
        if (!OWN_GROUPS.has(group)) made.add(`${group}/${kind.toLowerCase()}s`);
      }
    }
  }
  return made;
}

test("the deployer may create exactly the custom resources that the chart creates", () => {
  const made = madeByTheChart();
  expect(made).toContain("argoproj.io/rollouts");
  const granted = Object.entries(access.deployer).flatMap(([group, resources]) =>
    // A status is a subresource, not a separate kind.
    resources.filter((resource) => !resource.includes("/")).map((resource) => `${group}/${resource}`),
  );
  expect(granted.sort()).toEqual([...made].sort());
});
