import { readFile } from "node:fs/promises";
import { type Detokenizer, MillraceError } from "@millrace/core";
import { Tokenizer as NativeTokenizer } from "tokenizers";

/** The other way round: ids → text, as the decoder of a `tokenizer.json` makes it. @throws E_MODEL_INVALID */
export async function loadDetokenizer(path: string): Promise<Detokenizer> {
  try {
    const native = NativeTokenizer.fromString(await readFile(path, "utf8"));
    return {
      decode: (rows) =>
        native.decodeBatch(
          rows.map((ids) => [...ids]),
          true,
        ),
    };
  } catch (cause) {
    throw new MillraceError("E_MODEL_INVALID", `the tokenizer ${path} cannot be loaded`, {
      why: cause instanceof Error ? cause.message : String(cause),
      fix: "Bring a complete model directory with the tokenizer.json of a fast tokenizer.",
      cause,
    });
  }
}
