import { retrainCommand } from "../models/retrain.js";
import { featureAucMaxOption } from "./map-options.js";

test("a deployment can set the AUC limit for retraining with an environment variable", () => {
  const option = retrainCommand().options.find(({ long }) => long === "--feature-auc-max");
  expect(option?.envVar).toBe("RETRAIN_FEATURE_AUC_MAX");
});

test.each(["0.5", "0.99", "1"])("--feature-auc-max %s is accepted", (text) => {
  expect(featureAucMaxOption().parseArg?.(text, undefined)).toBe(Number(text));
});

test.each(["0.49", "1.01", "98 %", ""])("--feature-auc-max %j is rejected", (text) => {
  expect(() => featureAucMaxOption().parseArg?.(text, undefined)).toThrow("It must be a number from 0.5 to 1.");
});
