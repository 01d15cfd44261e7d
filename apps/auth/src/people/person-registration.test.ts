import { personRegistration } from "./person-registration.js";

const { name } = personRegistration.shape;

test.each(["", "a".repeat(101), "Ann\nLee", "Ann\u202eLee", "Ann\u2028Lee", "Ann\u0007Lee"])(
  "rejects the name %j",
  (text) => {
    expect(name.safeParse(text).success).toBe(false);
  },
);

test.each(["Ann Lee", "Zoë Brüning-O’Neil", "李小龍", "a".repeat(100)])("accepts the name %j", (text) => {
  expect(name.parse(text)).toBe(text);
});
