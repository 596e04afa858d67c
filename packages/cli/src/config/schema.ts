import { z } from "zod";
import { pathOf, type SettingKey, settingKeys, settingOf } from "./settings.js";

/** JSON Schema of `millrace.yaml`, for editors and validators. */
export function settingsSchema(): Record<string, unknown> {
  const { $schema, ...schema } = z.toJSONSchema(fileSchema(), { io: "input" });
  return { $schema, title: "millrace.yaml", ...schema };
}

function fileSchema(): z.ZodType {
  const top: Record<string, z.ZodType> = { version: z.literal(1).optional().describe("Version of this file's format") };
  const sections = new Map<string, Record<string, z.ZodType>>();
  for (const key of settingKeys) {
    const [section, name] = pathOf(key).split(".") as [string, string?];
    if (name === undefined) top[section] = described(key);
    else sections.set(section, { ...sections.get(section), [name]: described(key) });
  }
  for (const [name, shape] of sections) top[name] = z.strictObject(shape).optional();
  return z.strictObject(top);
}

function described(key: SettingKey): z.ZodType {
  const { schema, doc, default: fallback } = settingOf(key);
  return schema.optional().meta({ description: doc, ...(fallback !== undefined && { default: fallback }) });
}
