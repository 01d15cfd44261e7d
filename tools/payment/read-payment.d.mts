/**
 * The parsed `payment.yaml`.
 *
 * @throws Error with a line for each fault
 */
export function readPayment(file: string): object;
