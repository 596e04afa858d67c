import { asMillraceError, type Row } from "@millrace/core";

/** An object that cannot be read further ends with one row that says why. */
export async function* readableRows(rows: AsyncIterable<Row>, key: string): AsyncGenerator<Row> {
  let next = 0;
  try {
    for await (const row of rows) {
      yield row;
      next = row.row + 1;
    }
  } catch (cause) {
    const error = asMillraceError(cause, "E_OBJECT_UNREADABLE", `cannot read ${key}`);
    if (error.facts.scope !== "object" || error.code === "E_OBJECT_CHANGED") throw error;
    yield { row: next, error };
  }
}
