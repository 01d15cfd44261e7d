import { patient } from "./patient.js";

test.each([
  ["an idle machine", 0, 2_000],
  ["a machine with all cores busy", 1, 2_000],
  ["a busy machine", 12.5 / 2, 12_500],
  ["an overloaded machine", 500, 20_000],
])("regression #24: extends a wait of two seconds on %s", (_name, loadPerCore, ms) => {
  expect(patient(2_000, loadPerCore)).toBe(ms);
});
