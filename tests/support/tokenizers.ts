import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Tokenizer } from "@millrace/core";
import { loadTokenizer } from "@millrace/workers";
import { minilmDirectory } from "./minilm.ts";
import { wordTokenizer } from "./word-tokenizer.ts";

interface NamedTokenizer {
  readonly name: string;
  /** True when cutting at whitespace changes no token count. */
  readonly isAdditive: boolean;
  load(): Promise<Tokenizer>;
}

/** Path of a file in tests/golden. */
export function golden(name: string): string {
  return fileURLToPath(new URL(`../golden/${name}`, import.meta.url));
}

/** One tokenizer of each kind; the real model's where it is on this machine. */
export function testTokenizers(): readonly NamedTokenizer[] {
  const minilm = minilmDirectory();
  return [
    { name: "words", isAdditive: true, load: async () => wordTokenizer() },
    { name: "WordPiece", isAdditive: true, load: () => loadTokenizer(golden("wordpiece-tokenizer.json")) },
    { name: "byte-level BPE", isAdditive: false, load: () => loadTokenizer(golden("byte-bpe-tokenizer.json")) },
    ...(minilm === undefined
      ? []
      : [{ name: "MiniLM", isAdditive: true, load: () => loadTokenizer(join(minilm, "tokenizer.json")) }]),
  ];
}
