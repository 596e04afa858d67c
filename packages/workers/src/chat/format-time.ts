/** Fields of Python's strftime that templates ask for, in English as Python's own locale has them. */
const fields: Readonly<Record<string, (time: Date) => string>> = {
  Y: (time) => String(time.getFullYear()),
  y: (time) => digits(time.getFullYear() % 100),
  m: (time) => digits(time.getMonth() + 1),
  B: (time) => named(time, { month: "long" }),
  b: (time) => named(time, { month: "short" }),
  d: (time) => digits(time.getDate()),
  e: (time) => String(time.getDate()).padStart(2),
  A: (time) => named(time, { weekday: "long" }),
  a: (time) => named(time, { weekday: "short" }),
  H: (time) => digits(time.getHours()),
  I: (time) => digits(time.getHours() % 12 || 12),
  M: (time) => digits(time.getMinutes()),
  S: (time) => digits(time.getSeconds()),
  p: (time) => (time.getHours() < 12 ? "AM" : "PM"),
  "%": () => "%",
};

/** A time in this machine's zone as Python's strftime writes it; a field that is not known stays as it is. */
export function formatTime(time: Date, format: string): string {
  return format.replace(/%(.)/g, (whole, field: string) => fields[field]?.(time) ?? whole);
}

function digits(value: number): string {
  return String(value).padStart(2, "0");
}

function named(time: Date, part: Intl.DateTimeFormatOptions): string {
  return new Intl.DateTimeFormat("en-US", part).format(time);
}
