import { createHmac } from "node:crypto";
import type { Client } from "@temporalio/client";
import { defineSearchAttributeKey, type SearchAttributePair } from "@temporalio/common";

/** Of the server's enumeration of types: a text that is compared as a whole. */
const keyword = 2;

/** Some servers take no longer keyword, and find none with a quotation mark or a backslash: a digest stands for those. */
const isFindable = /^[^"\\]{0,200}$/;

/**
 * Makes sure that the server keeps search attributes of these names, and adds those that are missing where it lets us.
 * @returns false where it does not
 */
export async function registerAttributes({ connection, options }: Client, names: readonly string[]): Promise<boolean> {
  const { namespace } = options;
  const areKept = async () => {
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
    return names.every((name) => customAttributes?.[name] === keyword);
  };
  try {
    if (await areKept()) return true;
    const searchAttributes = Object.fromEntries(names.map((name) => [name, keyword]));
    await connection.operatorService.addSearchAttributes({ namespace, searchAttributes });
    return await areKept();
  } catch {
    // A managed server, or one of other rights: jobs run without.
    return false;
  }
}

/**
 * Values as they are kept for searching. Attributes are not encrypted: with keys, a value's HMAC stands for it, one for each key,
 * the first of which is what new jobs get.
 */
export function searchable(value: string, keys: readonly string[] = []): readonly [string, ...string[]] {
  const [first, ...others] = keys.map((key) => digestOf(value, Buffer.from(key, "base64")));
  if (first !== undefined) return [first, ...others];
  return [isFindable.test(value) ? value : digestOf(value, Buffer.alloc(0))];
}

function digestOf(value: string, key: Buffer): string {
  return createHmac("sha256", key).update(value).digest("hex");
}

/** Attributes as the client takes them. */
export function attributePairs(values: Readonly<Record<string, string>>): SearchAttributePair[] {
  return Object.entries(values).map(([name, value]) => ({ key: defineSearchAttributeKey(name, "KEYWORD"), value }));
}

/** A condition of a list query: the attribute is one of the values, which are as `searchable` makes them. */
export function attributeIs(name: string, values: readonly string[]): string {
  return `${name} IN (${values.map((value) => `"${value}"`).join(", ")})`;
}
