import { isUtf8 } from "node:buffer";
import { decodeText } from "./decode.js";

/** Text of a page: UTF-8, or the charset its first kilobyte declares. @throws E_ROW_ENCODING when it is neither */
export function decodeHtml(bytes: Buffer, key: string): string {
  const charset = isUtf8(bytes) ? undefined : declaredCharset(bytes);
  return charset === undefined ? decodeText(bytes, key) : (decodeAs(charset, bytes) ?? decodeText(bytes, key));
}

function declaredCharset(bytes: Buffer): string | undefined {
  const head = bytes.toString("latin1", 0, 1024);
  return /<(?:meta[^>]+charset|\?xml[^>]+encoding)\s*=\s*["']?([\w-]+)/i.exec(head)?.[1];
}

function decodeAs(charset: string, bytes: Buffer): string | undefined {
  try {
    return new TextDecoder(charset, { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
