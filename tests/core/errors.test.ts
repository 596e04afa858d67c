import { describe, expect, test } from "@jest/globals";
import { asMillraceError, errorTable, MillraceError } from "@millrace/core";
import fc from "fast-check";

describe("MillraceError", () => {
  test("is one line, whatever is in it", () => {
    fc.assert(
      fc.property(fc.string(), fc.option(fc.string()), fc.option(fc.string()), (what, why, fix) => {
        const details = { ...(why === null ? {} : { why }), ...(fix === null ? {} : { fix }) };
        expect(new MillraceError("E_IO", what, details).message).not.toMatch(/[\n\r\u2028\u2029]/);
      }),
    );
  });

  test("says what, why and what to do, in this order", () => {
    const error = new MillraceError("E_IO", "cannot read a", { why: "it\nis gone", fix: "Bring it back.", cause: 7 });
    expect(error.message).toBe("cannot read a: it is gone. Bring it back.");
    expect([error.code, error.cause, error.facts]).toEqual(["E_IO", 7, errorTable.E_IO]);
  });

  test("wraps what is not one, keeping the cause", () => {
    const cause = new RangeError("far");
    const wrapped = asMillraceError(cause, "E_IO", "cannot go");
    expect([wrapped.message, wrapped.code, wrapped.cause]).toEqual(["cannot go: far", "E_IO", cause]);
    expect(asMillraceError(wrapped, "E_HOST", "other")).toBe(wrapped);
    expect(asMillraceError("text", "E_IO", "cannot go").message).toBe("cannot go: text");
  });
});

describe("errorTable", () => {
  test.each(Object.entries(errorTable))("%s keeps the conventions", (code, { doc, scope, exit, retry }) => {
    expect(code).toMatch(/^E_[A-Z]+(_[A-Z]+)*$/);
    expect(doc).toMatch(/^[A-Z][^\n]*\.$/);
    if (code.startsWith("E_ROW_")) expect([scope, exit]).toEqual(["row", 3]);
    if (code.startsWith("E_OBJECT_")) expect(scope).toBe("object");
    if (exit === 2) expect([scope, retry]).toEqual(["job", "never"]);
    if (retry !== "never" && retry !== "while-busy") expect(exit).toBe(1);
  });
});
