import { Template } from "@huggingface/jinja";
import { MillraceError } from "@millrace/core";

/** Makes a text of values. @throws E_ROW_PROMPT where the template raises an exception, or cannot work with these values */
export type Render = (values: Readonly<Record<string, unknown>>) => string;

/**
 * Reads a Jinja template. @param name what it is called where it is at fault: "the chat template"
 * @throws E_CONFIG where it is none
 */
export function compileTemplate(source: string, name: string): Render {
  const template = parsed(source, name);
  return (values) => {
    try {
      return template.render({ ...values });
    } catch (cause) {
      throw new MillraceError("E_ROW_PROMPT", `${name} makes no prompt of this row`, { why: reasonOf(cause), cause });
    }
  };
}

function parsed(source: string, name: string): Template {
  try {
    return new Template(source);
  } catch (cause) {
    throw new MillraceError("E_CONFIG", `${name} is no Jinja template`, {
      why: reasonOf(cause),
      fix: "Correct it; a field is written {{ name }}.",
      cause,
    });
  }
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
