/**
 * Version under which an object with bad rows is recorded: no listing has it, so each run reads the object again and
 * says so again, until it is repaired. Its good rows are known by their hashes and are not encoded again.
 */
export function withBadRows(version: string): string {
  return version === "" || version.endsWith(badRows) ? version : `${version}${badRows}`;
}

/** Version of an object whose parts have these: one that broke off ("") decides, then one with bad rows. */
export function joinVersions(left: string, right: string): string {
  if (left === "" || right === "") return "";
  return right.endsWith(badRows) ? right : left;
}

const badRows = "+bad-rows";
