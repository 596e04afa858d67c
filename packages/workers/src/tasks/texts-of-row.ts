import { type Document, type Json, MillraceError, type TaskName } from "@millrace/core";

/** What a task is about in a row: its text, or a question and the context to answer it from. */
export type RowTexts = readonly [string] | readonly [string, string];

/** Whether a task is about the text of a row's text fields; else it is about fields of names that are given. */
export function isAboutText(name: TaskName): boolean {
  return name !== "answer";
}

/** @throws E_ROW_FIELD for a row without them */
export function textsOfRow(name: TaskName, document: Document): RowTexts {
  return isAboutText(name) ? [textOf(document)] : [fieldOf(document, "question"), fieldOf(document, "context")];
}

function textOf({ text }: Document): string {
  if (text.trim() !== "") return text;
  throw new MillraceError("E_ROW_FIELD", "the row's text is empty", { fix: "Leave the row out." });
}

function fieldOf({ payload }: Document, name: "question" | "context"): string {
  const value = payload[name];
  if (typeof value === "string" && value.trim() !== "") return value;
  throw new MillraceError("E_ROW_FIELD", `the row has no ${name}`, {
    why:
      value === undefined ? `its fields are ${Object.keys(payload).slice(0, 12).join(", ")}` : `it is ${shown(value)}`,
    fix: "Give each row the fields question and context, with text.",
  });
}

function shown(value: Json): string {
  return JSON.stringify(value).slice(0, 40);
}
