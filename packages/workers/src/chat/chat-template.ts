import { Environment, Interpreter, Template } from "@huggingface/jinja";
import { asMillraceError, MillraceError } from "@millrace/core";
import { formatTime } from "./format-time.js";

/** One message of a conversation; templates may look at further fields. */
export interface ChatMessage {
  /** Such as `system`, `user` or `assistant`. */
  readonly role: string;
  readonly content: unknown;
}

/** What a model was taught conversations in. */
export interface ChatTemplate {
  /**
   * The prompt that a conversation makes, with the model's special tokens spelled out: to be tokenized without others.
   * @throws E_ROW_CHAT where the template refuses the conversation or cannot make anything of it
   */
  render(messages: readonly ChatMessage[], options?: RenderOptions): string;
}

export interface RenderOptions {
  /** Whether the prompt ends where an answer begins; by default it does. */
  readonly isAnswerNext?: boolean;
  /** Descriptions of functions that an answer may call, as OpenAI's interface has them. */
  readonly tools?: readonly unknown[];
  /** Further variables of the template. */
  readonly variables?: Readonly<Record<string, unknown>>;
}

export interface ChatTemplateSource {
  /** Jinja, as tokenizer_config.json or a GGUF file brings it. */
  readonly template: string;
  /** Spellings of special tokens by transformers' names for them, such as `bos_token`. */
  readonly specialTokens: Readonly<Record<string, string>>;
  /** What a template takes for today: of a job's beginning, so that its rows agree. */
  readonly now: Date;
}

/** Parses a model's chat template. @throws E_MODEL_INVALID where it is not Jinja */
export function openChatTemplate({ template, specialTokens, now }: ChatTemplateSource): ChatTemplate {
  const parsed = parse(template);
  return {
    render(messages, { isAnswerNext = true, tools, variables } = {}) {
      try {
        const scope = new Environment();
        const globals = {
          ...constants,
          range,
          raise_exception: refuse,
          strftime_now: (format: string) => formatTime(now, format),
          ...specialTokens,
          ...variables,
          messages,
          ...(tools !== undefined && { tools }),
          add_generation_prompt: isAnswerNext,
        };
        for (const [name, value] of Object.entries(globals)) scope.set(name, value);
        return String(new Interpreter(scope).run(parsed.parsed).value);
      } catch (error) {
        const what = "the model's chat template makes no prompt of the messages";
        if (error instanceof Refusal) throw new MillraceError("E_ROW_CHAT", what, { why: error.message });
        throw asMillraceError(error, "E_ROW_CHAT", what);
      }
    },
  };
}

function parse(template: string): Template {
  try {
    return new Template(template);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const fix = "Use another revision of the model, or prompts without roles.";
    throw new MillraceError("E_MODEL_INVALID", "the model's chat template cannot be read", { why, fix, cause });
  }
}

/** Jinja's own, and Python's. */
const constants = { true: true, false: false, none: null, True: true, False: false, None: null };

/** Python's range, as a list. */
function range(first: number, end?: number, step = 1): readonly number[] {
  const [from, to] = end === undefined ? [0, first] : [first, end];
  return Array.from({ length: Math.max(0, Math.ceil((to - from) / step)) }, (_, index) => from + index * step);
}

/** What a template itself has to say against the messages. */
class Refusal extends Error {}

function refuse(message: unknown): never {
  throw new Refusal(String(message));
}
