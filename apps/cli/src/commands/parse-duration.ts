/** @throws Error for anything but an integer number of seconds, minutes, hours or days */
export function durationMs(text: string): number {
  const match = /^(\d{1,6})(s|m|h|d)$/.exec(text);
  if (match === null) throw new Error(`"${text}" is not a valid duration. Use, for example, 30s or 5m.`);
  const units = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
  return Number(match[1]) * units[match[2] as keyof typeof units];
}
