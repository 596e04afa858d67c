import { type Document, MillraceError } from "@millrace/core";
import type { Content } from "./content.js";
import type { Parser } from "./parser.js";
import { oneDocument } from "./whole-file.js";

/** The text of a PDF's pages, an empty line between them. Scanned pages have none. */
export const pdf: Parser = {
  name: "pdf",
  parse: (content, { limits }) => oneDocument(content, limits, (bytes) => pdfDocument(bytes, content)),
};

async function pdfDocument(bytes: Buffer, { key }: Content): Promise<Document> {
  // The library is two megabytes of script: it is loaded when the first PDF comes.
  const { extractText, getDocumentProxy, getMeta } = await import("unpdf");
  try {
    // The reader takes the buffer over, so it gets one of its own.
    const proxy = await getDocumentProxy(new Uint8Array(bytes), { verbosity: 0 });
    try {
      const { text } = await extractText(proxy, { mergePages: false });
      const title = titleOf((await getMeta(proxy)).info);
      const pages = text.map((page) => page.trim()).filter((page) => page !== "");
      return { key: "", text: pages.join("\n\n").toWellFormed(), ...title, payload: {}, blocks: [] };
    } finally {
      await proxy.loadingTask.destroy();
    }
  } catch (error) {
    const { name = "", message = "" } = error as { name?: string; message?: string };
    throw new MillraceError("E_OBJECT_FORMAT", `"${key}" cannot be read as PDF`, {
      why: name === "PasswordException" ? "it is encrypted" : message,
      fix: name === "PasswordException" ? "Save it without a password." : "Check that it opens in a PDF viewer.",
      cause: error,
    });
  }
}

function titleOf(info: Readonly<Record<string, unknown>>): { title?: string } {
  const title = typeof info.Title === "string" ? info.Title.trim().toWellFormed() : "";
  return title === "" ? {} : { title };
}
