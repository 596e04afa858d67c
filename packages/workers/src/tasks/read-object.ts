import { type GeneratedRow, type Json, MillraceError, type Payload } from "@millrace/core";
import { Ajv, type ErrorObject } from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";

type Generated = Pick<GeneratedRow, "text" | "finishReason">;

/**
 * Reads the first JSON object of an answer, which must be as the schema says. @throws E_CONFIG for a schema that is none; the
 * reader throws E_ROW_ANSWER
 */
export function objectReader(schema: Payload): (answer: Generated) => Json {
  const validate = compiled(schema);
  return (answer) => {
    const object = parsed(firstObject(answer.text), answer);
    if (validate(object)) return object;
    const problems = (validate.errors ?? []).map(
      (problem) => `${problem.instancePath || "it"} ${problem.message ?? problem.keyword}${named(problem)}`,
    );
    throw new MillraceError("E_ROW_ANSWER", "the model's answer is not as the schema says", {
      why: problems.join("; "),
    });
  };
}

/** `strict` would refuse keywords that a schema may hold for its readers alone. */
const options = { strict: false };

function compiled(schema: Payload) {
  try {
    const isNew = typeof schema.$schema === "string" && schema.$schema.includes("2020-12");
    return (isNew ? new Ajv2020(options) : new Ajv(options)).compile(schema);
  } catch (cause) {
    throw new MillraceError("E_CONFIG", "the schema is no JSON schema", {
      why: cause instanceof Error ? cause.message : String(cause),
      fix: "Write it in draft 7, or name 2020-12 as its $schema.",
      cause,
    });
  }
}

/** Which field is too many: ajv's message leaves it out. */
function named({ params }: ErrorObject): string {
  return typeof params.additionalProperty === "string" ? `: ${params.additionalProperty}` : "";
}

function parsed(text: string | undefined, { finishReason }: Generated): Json {
  if (text === undefined) {
    throw new MillraceError("E_ROW_ANSWER", "the model's answer holds no whole JSON object", {
      ...(finishReason === "length" && { why: "it may not be longer", fix: "Allow more --max-new-tokens." }),
    });
  }
  try {
    return JSON.parse(text) as Json;
  } catch (cause) {
    throw new MillraceError("E_ROW_ANSWER", "the model's answer is no JSON", {
      why: cause instanceof Error ? cause.message : String(cause),
      cause,
    });
  }
}

/** From the first brace to the one that closes it; braces in texts do not count. */
function firstObject(text: string): string | undefined {
  const start = text.indexOf("{");
  let depth = 0;
  for (const { index, 0: token } of text.slice(Math.max(0, start)).matchAll(/"(?:\\.|[^"\\])*"|[{}]/gs)) {
    if (token === "{") depth += 1;
    if (token === "}") depth -= 1;
    if (token === "}" && depth === 0) return text.slice(start, start + index + 1);
  }
  return undefined;
}
