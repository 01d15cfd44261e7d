import { paymentsDue } from "./play-traffic.js";

test("the rate rises evenly over ten seconds and then stays constant", () => {
  expect([0, 5, 10, 11, 20].map((seconds) => paymentsDue(seconds, 100))).toEqual([0, 125, 500, 600, 1_500]);
});
