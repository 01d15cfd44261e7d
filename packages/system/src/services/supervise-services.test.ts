import { RestartLimit } from "./supervise-services.js";

test("regression #24: restarts a service any number of times if it runs between failures, but gives up if it fails at its start", () => {
  const limit = new RestartLimit();
  for (let failure = 0; failure < 100; failure += 1) expect(limit.allows(60_000)).toBe(true);
  for (let failure = 0; failure < 20; failure += 1) expect(limit.allows(100)).toBe(true);
  expect(limit.allows(100)).toBe(false);
  limit.reset();
  expect(limit.allows(100)).toBe(true);
});
