import { describe, expect, test } from "@jest/globals";
import { choosePrompt, type Prompts } from "@millrace/compiler";

const prompts: Prompts = {
  texts: { query: "query: ", passage: "passage: ", "Sts-en": "same: ", blank: "" },
  defaultName: "Sts-en",
  isPooled: true,
};
const refusal = (call: () => unknown) => {
  try {
    call();
  } catch (error) {
    return error;
  }
  return undefined;
};

describe("choosePrompt", () => {
  test("takes the role's own, else the default, else none", () => {
    expect(choosePrompt(prompts, "query")).toBe("query: ");
    expect(choosePrompt(prompts, "document")).toBe("passage: ");
    expect(choosePrompt({ ...prompts, texts: { "Sts-en": "same: " } }, "query")).toBe("same: ");
    expect(choosePrompt({ texts: { other: "other: " }, isPooled: true }, "query")).toBe("");
  });

  test("a role's own that is empty is meant to be", () => {
    const texts = { ...prompts.texts, document: "" };
    expect(choosePrompt({ ...prompts, texts }, "document")).toBe("");
  });

  test("what is asked for is a name, or a text with a space or a colon", () => {
    expect(choosePrompt(prompts, "document", "Sts-en")).toBe("same: ");
    expect(choosePrompt(prompts, "document", "Find it:")).toBe("Find it:");
    expect(choosePrompt(prompts, "document", "")).toBe("");
    expect(refusal(() => choosePrompt(prompts, "document", "pasage"))).toMatchObject({
      code: "E_CONFIG",
      why: "it has query, passage, Sts-en, blank",
    });
    expect(refusal(() => choosePrompt({ texts: {}, isPooled: true }, "query", "query"))).toMatchObject({
      code: "E_CONFIG",
      why: "it has none",
    });
  });

  test("a prompt that must not be pooled is refused, an empty one is not", () => {
    const apart = { ...prompts, isPooled: false };
    expect(refusal(() => choosePrompt(apart, "query"))).toMatchObject({ code: "E_MODEL_UNSUPPORTED" });
    expect(choosePrompt(apart, "query", "blank")).toBe("");
  });
});
