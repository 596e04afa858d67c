import { MillraceError, type WritingTask } from "@millrace/core";

/** What of a model decides how it is asked. */
export interface AskedModel {
  /** Whether it has a template for messages. */
  readonly isChat: boolean;
  /** Whether an encoder reads the text that a decoder then answers: such a model was trained for tasks. */
  readonly hasEncoder: boolean;
  /** transformers' `task_specific_params`. */
  readonly taskParameters: TaskParameters;
}

export type TaskParameters = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** Between which languages, by their names. */
export interface Languages {
  readonly from?: string;
  readonly to?: string;
}

/** How a model is asked to do a task. */
export interface TaskPrompt {
  /** A Jinja template: `text` is the row's, `task` has labels, fields or schema, from and to. */
  readonly template: string;
  /** What the model says of decoding for this task, under transformers' names. */
  readonly defaults: Readonly<Record<string, unknown>>;
}

/**
 * A model that was trained for a task is asked as it was then, another one is told in words.
 * @throws E_USAGE where the target language is not said, or the model was trained for others
 */
export function taskPrompt(name: WritingTask["name"], model: AskedModel, languages: Languages): TaskPrompt {
  const trained = model.hasEncoder ? trainedPrompt(name, model.taskParameters, languages) : undefined;
  if (trained !== undefined) return trained;
  if (name === "translate" && languages.to === undefined) {
    throw new MillraceError("E_USAGE", "there is no language to translate to", { fix: "Name one with --to." });
  }
  const { before, after } = words[name];
  return { template: model.isChat ? before : `${before}\n\n${after}`, defaults: {} };
}

/** What is asked for, and how the answer of a model begins that only continues texts. */
const words: Readonly<Record<WritingTask["name"], { readonly before: string; readonly after: string }>> = {
  summarize: { before: "Summarize the following text in a few sentences.\n\n{{ text }}", after: "Summary:" },
  translate: {
    before:
      "Translate the following text{% if task.from %} from {{ task.from }}{% endif %} to {{ task.to }}. " +
      "Answer with the translation alone.\n\n{{ text }}",
    after: "{{ task.to }}:",
  },
  answer: {
    before:
      "Answer the question from the context alone, as briefly as possible.\n\nContext: {{ context }}\n\nQuestion: {{ question }}",
    after: "Answer:",
  },
  classify: {
    before:
      "Text: {{ text }}\n\nWhich of these labels fits the text best: {{ task.labels | join(', ') }}? " +
      "Answer with the label alone.",
    after: "Label:",
  },
  extract: {
    before:
      "Text: {{ text }}\n\nRead from the text, and answer with one JSON object and nothing else" +
      "{% if task.fields %}, with exactly these fields: {{ task.fields | join(', ') }}" +
      "{% else %}. It must be as this JSON schema says: {{ task.schema | tojson }}{% endif %}.",
    after: "JSON:",
  },
};

function trainedPrompt(
  name: WritingTask["name"],
  parameters: TaskParameters,
  languages: Languages,
): TaskPrompt | undefined {
  if (name !== "summarize" && name !== "translate") return undefined;
  const defaults = name === "summarize" ? (parameters.summarization ?? {}) : translation(parameters, languages);
  const prefix = typeof defaults.prefix === "string" ? defaults.prefix : "";
  return { template: `{{ ${JSON.stringify(prefix)} }}{{ text }}`, defaults };
}

/** Of a model for one pair of languages nothing, and nothing need be said of them. */
function translation(parameters: TaskParameters, { from, to }: Languages): Readonly<Record<string, unknown>> {
  const known = Object.entries(parameters).flatMap(([name, defaults]) => {
    const [, source = "", target = ""] = /^translate (.+) to (.+?):\s*$/.exec(String(defaults.prefix)) ?? [];
    return name.startsWith("translation") && target !== "" ? [{ defaults, source, target }] : [];
  });
  if (known.length === 0) return {};
  const isAsked = (asked: string | undefined, language: string) =>
    asked === undefined || asked.toLowerCase() === language.toLowerCase();
  const fitting = known.filter(({ source, target }) => isAsked(from, source) && isAsked(to, target));
  if (fitting.length === 1 && fitting[0] !== undefined) return fitting[0].defaults;
  const pairs = known.map(({ source, target }) => `${source} to ${target}`).join(", ");
  throw new MillraceError("E_USAGE", "the model cannot translate so, or in several ways", {
    why: `it was trained to translate ${pairs}`,
    fix: "Name one of these with --to and --source-language, or say how it is asked in a --template.",
  });
}
