/** Whole numbers with commas between thousands. */
export function formatCount(count: number): string {
  return Math.round(count).toLocaleString("en-US");
}

/** `1 document`, `2 documents`. */
export function formatCountOf(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${Math.round(count) === 1 ? "" : /ch$/.test(noun) ? "es" : "s"}`;
}

/** The two largest units that matter: `0.4 s`, `12 s`, `2 min 3 s`, `1 h 5 min`, `3 d 2 h`. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 9_950) return `${(Math.max(0, milliseconds) / 1000).toFixed(1)} s`;
  const seconds = Math.round(milliseconds / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return pair([Math.floor(seconds / 60), "min"], [seconds % 60, "s"]);
  const minutes = Math.round(seconds / 60);
  if (minutes < 24 * 60) return pair([Math.floor(minutes / 60), "h"], [minutes % 60, "min"]);
  const hours = Math.round(minutes / 60);
  return pair([Math.floor(hours / 24), "d"], [hours % 24, "h"]);
}

/** The largest unit alone, rounded down: `3 h`, for ages, where more would not be true any more when it is read. */
export function formatAge(milliseconds: number): string {
  const seconds = Math.max(0, milliseconds) / 1000;
  const [size, unit] = ageUnits.find(([size]) => seconds >= size) ?? ([1, "s"] as const);
  return `${Math.floor(seconds / size)} ${unit}`;
}

const ageUnits = [
  [86_400, "d"],
  [3_600, "h"],
  [60, "min"],
] as const;

/** Decimal units with three digits: `999 B`, `1.23 MB`, `45.6 GB`. */
export function formatBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let amount = bytes;
  let unit = 0;
  for (; amount >= 999.5 && unit < units.length - 1; unit += 1) amount /= 1000;
  const digits = unit === 0 || amount >= 99.95 ? 0 : amount >= 9.995 ? 1 : 2;
  return `${amount.toFixed(digits)} ${units[unit]}`;
}

/** Cents from one unit on, two significant digits below: `12.30`, `0.0042`. In whatever currency the price was given. */
export function formatMoney(amount: number): string {
  if (amount === 0 || amount >= 1) return amount.toFixed(2);
  return amount.toFixed(Math.min(12, Math.max(2, 1 - Math.floor(Math.log10(amount)))));
}

type Part = readonly [amount: number, unit: string];

function pair([large, largeUnit]: Part, [small, smallUnit]: Part): string {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
}
