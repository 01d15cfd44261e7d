import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { badPolicyJourney } from "@tripline/cli/journeys/bad-policy";
import { PolicyClient } from "@tripline/system/client/policy-client";
import { startInProcess } from "../support/in-process-system.js";
import { testModel } from "../support/test-model.js";

test("`tripline journey bad-policy`: backtest and guard stop a draft that declines a third, and a sound one passes", async () => {
  const model = await testModel();
  const lake = await mkdtemp(join(tmpdir(), "tripline-bad-policy-"));
  const system = await startInProcess({ registryUrl: model.registryUrl, lakeDirectory: lake, hasControl: true });
  try {
    const printed: string[] = [];
    await badPolicyJourney({
      client: system.client,
      policies: new PolicyClient(system.control),
      kafka: system.kafka,
      lake,
      model,
      print: (text) => printed.push(text),
    });
    expect(printed).toHaveLength(5);
    expect(printed[1]).toMatch(/\nThe draft declines 3\d\.\d % of the payments; the maximum is 5 %\.$/);
    expect(printed[2]).toMatch(/\nbacktest: rows=\d+ .* broken=0$/);
    expect(printed[3]).toMatch(
      /guard rolled it back after [\d.]+ s; .*\noutcomes: the outcome decline: \d+\.\d % for \d+ cards/,
    );
    // regression #24: the revision could be activated again, and then no guard monitored it.
    expect(printed[4]).toMatch(
      /^A second attempt was rejected: Revision \d+ was rolled back, so another user must approve it again/,
    );
  } finally {
    await system.close();
    await rm(lake, { recursive: true, force: true });
  }
}, 480_000);
