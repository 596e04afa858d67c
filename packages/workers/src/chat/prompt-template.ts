import { Template } from "@huggingface/jinja";
import { MillraceError } from "@millrace/core";

/** Makes a text of values. @throws E_ROW_PROMPT where the template raises an exception, or cannot work with these values */
export type Render = (values: Readonly<Record<string, unknown>>) => string;

/** Reads a Jinja template that a user wrote. @throws E_CONFIG where it is none */
export function compileTemplate(source: string): Render {
  const template = parsed(source);
  return (values) => {
    try {
      return template.render({ ...values });
    } catch (cause) {
      throw new MillraceError("E_ROW_PROMPT", "the template makes no prompt of this row", {
        why: reasonOf(cause),
        cause,
      });
    }
  };
}

function parsed(source: string): Template {
  try {
    return new Template(source);
  } catch (cause) {
    throw new MillraceError("E_CONFIG", "the template is no Jinja template", {
      why: reasonOf(cause),
      fix: "Correct it; a field is written {{ name }}.",
      cause,
    });
  }
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
