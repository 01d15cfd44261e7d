import { readFault } from "./read-fault.js";

test.each([
  ["policy.yaml:4:11 rules.0.when has no amuont.", 4, 11],
  ["The policy takes longer than 20 s to check.", undefined, 1],
])("regression #25: reads the position of %j from the control plane's message", (fault, line, column) => {
  expect(readFault(fault)).toEqual({ line, column, text: fault });
});
