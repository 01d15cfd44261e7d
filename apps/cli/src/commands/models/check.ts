import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { constantOnline } from "@tripline/model-loop/retraining/constant-online";
import { newestPaymentMs } from "@tripline/model-loop/retraining/retrain-dataset";
import { usedFeatures } from "@tripline/model-registry/model-manifest";
import { openRegistry } from "@tripline/model-registry/open-registry";
import type { CommandOutput } from "@tripline/system/command-output";
import { MODEL_NAME } from "@tripline/system/services/plan-services";
import { Command } from "commander";
import { lakeOption, tenantOption } from "../lake-options.js";
import { registryOption } from "../registry-options.js";

interface CheckFlags {
  readonly registry: string;
  readonly model: string;
  readonly lake: string;
  readonly tenant?: string;
}

/** Exit code for a model with features that are constant online. */
const CONSTANT_EXIT_CODE = 3;

/** `tripline models check`: checks that a model's features vary online. */
export function checkCommand(output: CommandOutput): Command {
  return new Command("check")
    .description("check that no feature of a model is constant online; exit code 3 if one is")
    .argument("[version]", "a version or an alias", "champion")
    .addOption(registryOption())
    .option("--model <name>", "which model", MODEL_NAME)
    .addOption(lakeOption())
    .addOption(tenantOption())
    .action(async (asked: string, flags: CheckFlags) => {
      const { sentence, isConstant } = await checkOnline(asked, flags);
      output.write(`${sentence}\n`);
      if (isConstant) process.exitCode = CONSTANT_EXIT_CODE;
    });
}

async function checkOnline(asked: string, flags: CheckFlags): Promise<{ sentence: string; isConstant: boolean }> {
  const { registry, model, lake, tenant: name } = flags;
  const { manifest, version } = await openRegistry(registry).resolve(model, asked);
  const spec = currentFeatureSpec();
  if (manifest.feature_spec_version !== spec.version) {
    const detail = `reads feature spec ${manifest.feature_spec_version}, but this version computes ${spec.version}`;
    return { sentence: `${model} ${version} cannot be checked: it ${detail}.`, isConstant: false };
  }
  const tenant = name === undefined ? {} : { tenant: name };
  const untilMs = (await newestPaymentMs({ lake, ...tenant })) + 1;
  const log = await constantOnline({ lake, spec, untilMs, ...tenant });
  const used = usedFeatures(manifest);
  const constant = used.filter((feature) => log.constant.includes(feature));
  const payments = `${log.rows} payments of the last 7 days of the lake`;
  if (constant.length === 0) {
    const sentence = `No feature that ${model} ${version} uses is constant in ${payments}.`;
    return { sentence, isConstant: false };
  }
  const remedy =
    "Materialise the profiles and add them to FEAST_PROFILES (docs/features.md#profiles), or retrain the model: a new model " +
    "ignores features that are constant online.";
  return {
    sentence: `${model} ${version} uses ${constant.join(", ")}, which never changed in ${payments}. ${remedy}`,
    isConstant: true,
  };
}
