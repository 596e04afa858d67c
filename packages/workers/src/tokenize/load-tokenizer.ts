import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { MillraceError, type Tokenizer, type TruncationSide, truncationSides } from "@millrace/core";
import { Tokenizer as NativeTokenizer } from "tokenizers";
import { nativeTokenizer } from "./native-tokenizer.js";
import { withPrompt } from "./with-prompt.js";

export interface TokenizerOptions {
  /** Put before every text. */
  readonly prompt?: string;
  /** False for a model that takes texts without the special tokens its tokenizer knows. */
  readonly hasSpecialTokens?: boolean;
}

/**
 * Loads a Hugging Face `tokenizer.json` with its own truncation and padding off; `tokenizer_config.json` beside it may say
 * which end of a text is cut.
 * E_MODEL_INVALID when the file is missing, damaged, or of a kind the tokenizers library does not know.
 */
export async function loadTokenizer(path: string, options: TokenizerOptions = {}): Promise<Tokenizer> {
  const { prompt = "", hasSpecialTokens = true } = options;
  try {
    const source = await readFile(path, "utf8");
    const native = NativeTokenizer.fromString(source);
    native.disableTruncation();
    native.disablePadding();
    const truncationSide = await readTruncationSide(path, source);
    const digest = truncationSide === "left" ? `${digestOf(source)}-left` : digestOf(source);
    return await withPrompt(await nativeTokenizer(native, { digest, hasSpecialTokens, truncationSide }), prompt);
  } catch (cause) {
    throw new MillraceError("E_MODEL_INVALID", `The tokenizer ${path} cannot be loaded`, {
      why: cause instanceof Error ? cause.message : String(cause),
      fix: "Bring a complete model directory with the tokenizer.json of a fast tokenizer",
      cause,
    });
  }
}

/** sha256 of the file's JSON without white space, truncation and padding, which change no id. */
function digestOf(source: string): string {
  const { truncation: _truncation, padding: _padding, ...rest } = JSON.parse(source) as Record<string, unknown>;
  return createHash("sha256").update(JSON.stringify(rest)).digest("hex");
}

/** As transformers has it: what tokenizer_config.json says, else what tokenizer.json's own truncation does, else the right. */
async function readTruncationSide(path: string, source: string): Promise<TruncationSide> {
  const beside = await readFile(join(dirname(path), "tokenizer_config.json"), "utf8").catch(() => "{}");
  const { truncation_side: named } = JSON.parse(beside) as { readonly truncation_side?: unknown };
  const { truncation } = JSON.parse(source) as { readonly truncation?: { readonly direction?: unknown } | null };
  const side = String(named ?? truncation?.direction ?? "right").toLowerCase();
  return truncationSides.find((known) => known === side) ?? "right";
}
