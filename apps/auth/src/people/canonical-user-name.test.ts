import { canonicalUserName } from "./canonical-user-name.js";

test.each([
  [" Anna ", "anna"],
  ["\uff21nna@Acme.example", "anna@acme.example"],
  ["acme:Carla@Acme.example:2", "acme:carla@acme.example:2"],
  ["Acme:Carla", "Acme:carla"],
  ["", ""],
])("regression #30: converts %j to %j", (typed, stored) => {
  expect(canonicalUserName(typed)).toBe(stored);
});
