import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { MillraceError } from "@millrace/core";
import { type ChatMessage, openChatTemplate, type RenderOptions } from "@millrace/workers";

/** What tests/golden/make_chats.py wrote. */
interface Golden {
  readonly now: string;
  readonly conversations: readonly (RenderOptions & { readonly messages: readonly ChatMessage[] })[];
  readonly templates: Readonly<Record<string, GoldenTemplate>>;
}

interface GoldenTemplate {
  readonly template: string;
  readonly tokens: Readonly<Record<string, string>>;
  readonly prompts: readonly (string | { readonly error: string })[];
}

const golden: Golden = JSON.parse(readFileSync(join(import.meta.dirname, "../golden/chats.json"), "utf8"));
const now = new Date(golden.now);

describe.each(Object.entries(golden.templates))("the chat template of %s", (_, { template, tokens, prompts }) => {
  test.each(golden.conversations.map((conversation, index) => ({ ...conversation, expected: prompts[index] })))(
    "makes the prompt that transformers makes",
    ({ messages, expected, ...options }) => {
      const render = () => openChatTemplate({ template, specialTokens: tokens, now }).render(messages, options);
      if (typeof expected === "string") expect(render()).toBe(expected);
      else expect(failureOf(render)).toMatchObject({ code: "E_ROW_CHAT", why: expected?.error });
    },
  );
});

test("a template that is not Jinja is refused when it is opened, one that fails when it is used", () => {
  const open = (template: string) => openChatTemplate({ template, specialTokens: {}, now });
  expect(failureOf(() => open("{% for message in %}"))).toMatchObject({ code: "E_MODEL_INVALID" });
  expect(failureOf(() => open("{{ messages[0].content.nothing() }}").render([]))).toMatchObject({ code: "E_ROW_CHAT" });
});

test("a template may ask for any part of the time", () => {
  const template = "{{ strftime_now('%y-%m-%e %a %B %I:%M:%S %p 100%% %Q') }}";
  expect(openChatTemplate({ template, specialTokens: {}, now }).render([])).toBe(
    "26-03- 7 Sat March 09:05:04 AM 100% %Q",
  );
});

function failureOf(call: () => unknown): MillraceError {
  try {
    call();
  } catch (error) {
    if (error instanceof MillraceError) return error;
    throw error;
  }
  throw new Error("the call did not fail");
}
