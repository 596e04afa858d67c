import { describe, expect, test } from "@jest/globals";
import { MillraceError, redactor, withoutCredentials } from "@millrace/core";
import fc from "fast-check";

const kept = "[redacted]";

describe("credentials", () => {
  test.each([
    ["http://user:hunter2@host:9091/metrics", `http://${kept}@host:9091/metrics`],
    ["GET /a?X-Amz-Signature=0ab1&X-Amz-Date=2026", `GET /a?X-Amz-Signature=${kept}&X-Amz-Date=2026`],
    ["https://host/file?sig=abc%2F#part", `https://host/file?sig=${kept}#part`],
    ["Authorization: AWS4-HMAC-SHA256 Credential=AK/2026, Signature=ff\nnext", `Authorization: ${kept}\nnext`],
    ['{"api-key":"hunter2","host":"h"}', `{"api-key":"${kept}","host":"h"}`],
    ["{ authorization: 'Bearer abc' }", `{ authorization: '${kept}' }`],
    ["sent Bearer abcdefghijklmnop0123 along", `sent Bearer ${kept} along`],
  ])("%p is struck out of", (text, expected) => {
    expect(withoutCredentials(text)).toBe(expected);
    const error = new MillraceError("E_IO", text, { why: text });
    expect([error.what, error.why]).toEqual([expected, expected]);
    expect(error.message).not.toContain("hunter2");
  });

  test.each([
    "s3://bucket/prefix/a@b.md",
    "mail to somebody@example.org about https://host/path?page=2&top=5",
    "Basic authentication is required, and a bearer token",
    "the key of row 7 is taken twice",
  ])("%p is left as it is", (text) => {
    expect(withoutCredentials(text)).toBe(text);
  });

  test("a known secret is found wherever it stands, also as JSON and links write it", () => {
    const secret = fc.string({ minLength: 8, maxLength: 40, unit: "grapheme" });
    fc.assert(
      fc.property(secret, fc.string(), (value, around) => {
        const redact = redactor([value]);
        const texts = [`${around}${value}`, JSON.stringify({ value }), `?q=${encodeURIComponent(value)}`];
        for (const text of texts) {
          const written = redact(text);
          expect(written).toContain(kept);
          expect(written.replaceAll(kept, "")).not.toContain(value);
        }
      }),
      { numRuns: 300 },
    );
  });

  test("a short value is no secret, and the longer of two is struck out whole", () => {
    expect(redactor(["a"])("a banana")).toBe("a banana");
    expect(redactor(["secret", "secret-and-more"])("the secret-and-more")).toBe(`the ${kept}`);
  });
});
