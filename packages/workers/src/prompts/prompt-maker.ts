import { type Document, type Json, MillraceError, type PromptSpec, type Tokenizer } from "@millrace/core";
import { type ChatMessage, openChatTemplate } from "../chat/chat-template.js";
import { compileTemplate, type Render } from "../chat/prompt-template.js";
import { loadDetokenizer } from "../tokenize/load-detokenizer.js";
import { loadTokenizer } from "../tokenize/load-tokenizer.js";

/** A prompt's text, and whether it holds the special tokens it begins with already. */
export interface PromptText {
  readonly text: string;
  readonly hasSpecialTokens: boolean;
}

/** What of a compiled model makes prompts. */
export interface PromptModel {
  readonly tokenizerPath: string;
  readonly chatTemplate?: string;
  readonly specialTokens: Readonly<Record<string, string>>;
}

/** Makes prompts and their token ids. */
export interface PromptMaker {
  /** @throws E_ROW_PROMPT for a document that makes none */
  ofDocument(document: Document): PromptText;
  /** @throws E_ROW_PROMPT where the model has no chat template, or it refuses these messages */
  ofMessages(messages: readonly ChatMessage[]): PromptText;
  /** A text as it is; or as what a user says, where the prompts are chats. */
  ofText(text: string): PromptText;
  encode(prompts: readonly PromptText[]): Promise<readonly Int32Array[]>;
  /** What each token id is as text, alone. */
  tokens(ids: readonly number[]): Promise<readonly string[]>;
}

/** @throws E_CONFIG for a template that is none, E_USAGE where chats are asked for of a model without a chat template */
export async function createPromptMaker(model: PromptModel, spec: PromptSpec): Promise<PromptMaker> {
  const { tokenizerPath, chatTemplate, specialTokens } = model;
  const chat =
    chatTemplate === undefined
      ? undefined
      : openChatTemplate({ template: chatTemplate, specialTokens, now: new Date() });
  if (spec.isChat && chat === undefined) {
    throw new MillraceError("E_USAGE", "the model is no chat model", {
      why: "it has no chat template",
      fix: "Leave --chat and --system out, or name a model that was made for chats.",
    });
  }
  const template = spec.template === undefined ? undefined : compileTemplate(spec.template);
  const plain = await loadTokenizer(tokenizerPath, { hasSpecialTokens: false });
  const special = await loadTokenizer(tokenizerPath);
  const detokenizer = await loadDetokenizer(tokenizerPath);
  const ofMessages = (messages: readonly ChatMessage[]): PromptText => {
    if (chat === undefined) {
      throw new MillraceError("E_ROW_PROMPT", "the row has messages, and the model no chat template", {
        fix: "Give the whole prompt as text, or name a model that was made for chats.",
      });
    }
    return { text: chat.render(messages), hasSpecialTokens: true };
  };
  const ofText = (text: string): PromptText => {
    if (!spec.isChat) return { text, hasSpecialTokens: false };
    const system = spec.system === undefined ? [] : [{ role: "system", content: spec.system }];
    return ofMessages([...system, { role: "user", content: text }]);
  };
  return {
    ofMessages,
    ofText,
    ofDocument: (document) => {
      if (template !== undefined)
        return ofText(template({ ...fieldsOf(document), ...(spec.task && { task: spec.task }) }));
      const messages = document.text === "" ? messagesOf(document.payload.messages) : undefined;
      return messages === undefined ? ofText(textOf(document)) : ofMessages(messages);
    },
    tokens: (ids) => detokenizer.decode(ids.map((id) => [id])),
    encode: (prompts) => encodeAll(prompts, { plain, special }),
  };
}

/** What a template can name: a row's fields, and `text` of a file that is one document. */
function fieldsOf({ key, text, title, payload }: Document): Parameters<Render>[0] {
  return { id: key, ...(title === undefined ? {} : { title }), ...(text === "" ? {} : { text }), ...payload };
}

function textOf({ text }: Document): string {
  if (text !== "") return text;
  throw new MillraceError("E_ROW_PROMPT", "the row makes no prompt", {
    why: "it has neither a field prompt nor messages",
    fix: "Name the fields that make it in a --template.",
  });
}

/** @throws E_ROW_PROMPT where there is something that is no list of messages */
export function messagesOf(value: Json | undefined): readonly ChatMessage[] | undefined {
  if (value === undefined || value === null) return undefined;
  const isMessages =
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((item) => isObject(item) && typeof item.role === "string" && typeof item.content === "string");
  if (isMessages) return value as unknown as readonly ChatMessage[];
  throw new MillraceError("E_ROW_PROMPT", "the row's messages cannot be read", {
    why: "they must be a list of objects with role and content, both text",
  });
}

function isObject(value: Json): value is { readonly [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

async function encodeAll(
  prompts: readonly PromptText[],
  { plain, special }: { readonly plain: Tokenizer; readonly special: Tokenizer },
): Promise<readonly Int32Array[]> {
  const of = (hasSpecialTokens: boolean) => prompts.filter((prompt) => prompt.hasSpecialTokens === hasSpecialTokens);
  const texts = (chosen: readonly PromptText[]) => chosen.map(({ text }) => text);
  const [whole, bare] = await Promise.all([plain.encode(texts(of(true))), special.encode(texts(of(false)))]);
  const [fromWhole, fromBare] = [whole.values(), bare.values()];
  return prompts.map(({ hasSpecialTokens }) => (hasSpecialTokens ? fromWhole : fromBare).next().value as Int32Array);
}
