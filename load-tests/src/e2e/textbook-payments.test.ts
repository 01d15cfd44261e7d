import "reflect-metadata";
import { PaymentDto } from "@tripline/load-tests/textbook/front/payment.dto";
import { createSimulation } from "@tripline/simulator/create-simulation";
import { paymentBody } from "@tripline/system/client/tripline-client";
import { plainToInstance } from "class-transformer";
import { validate } from "class-validator";

const PAYMENTS = 200;

test("regression #25: the textbook build accepts every field that the benchmark sends", async () => {
  const payments = createSimulation({ seed: 1, cards: 300, terminals: 60, startMs: Date.UTC(2026, 0, 1) }).payments();
  for (let count = 0; count < PAYMENTS; count += 1) {
    const body = paymentBody(payments.next().value);
    const dto = plainToInstance(PaymentDto, body);
    expect(await validate(dto, { whitelist: true, forbidNonWhitelisted: true })).toEqual([]);
  }
});
