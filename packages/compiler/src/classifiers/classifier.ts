import type { EncoderPlan } from "../architectures/architecture.js";
import { addLinear } from "../architectures/layers.js";
import { affine } from "../architectures/post-norm.js";
import { planEncoder } from "../architectures/registry.js";
import type { GraphBuilder } from "../graph/builder.js";
import { isRecord, type JsonFile } from "../json.js";
import type { Weights } from "../weights/checkpoint.js";

/** What transformers calls the classes of such models, without `For`. */
export const classifierTasks = ["SequenceClassification", "TokenClassification", "QuestionAnswering"] as const;
export type ClassifierTask = (typeof classifierTasks)[number];

/** An encoder and the head that judges its states. */
export interface ClassifierPlan {
  readonly encoder: EncoderPlan;
  readonly task: ClassifierTask;
  /** Names of the logits, in their order; of QuestionAnswering `start` and `end`. */
  readonly labels: readonly string[];
  /** Adds the head: states [rows, tokens, hidden] → logits under `name`. */
  addHead(graph: GraphBuilder, weights: Weights, place: HeadPlace): void;
}

export interface HeadPlace {
  readonly name: string;
  readonly states: string;
}

/** How a family judges a whole text by the state of its first token: a dense layer before the last, and what follows it. */
interface FirstTokenHead {
  readonly dense: string;
  readonly activation: "Tanh" | "Relu";
  readonly last: string;
}

const bertHead: FirstTokenHead = { dense: "pooler.dense", activation: "Tanh", last: "classifier" };
const robertaHead: FirstTokenHead = { dense: "classifier.dense", activation: "Tanh", last: "classifier.out_proj" };

/** By `model_type`. */
const heads: Readonly<Record<string, FirstTokenHead>> = {
  bert: bertHead,
  camembert: robertaHead,
  distilbert: { dense: "pre_classifier", activation: "Relu", last: "classifier" },
  roberta: robertaHead,
  "xlm-roberta": robertaHead,
};

/** Plans what a config.json describes. @throws E_MODEL_UNSUPPORTED, listing what is supported; E_MODEL_INVALID */
export function planClassifier(config: JsonFile): ClassifierPlan {
  const modelType = config.text("model_type");
  const head = Object.hasOwn(heads, modelType) ? heads[modelType] : undefined;
  if (head === undefined) throw config.unsupported("model_type", Object.keys(heads));
  const encoder = planEncoder(config);
  const task = readTask(config);
  const labels = task === "QuestionAnswering" ? ["start", "end"] : readLabels(config);
  const { dimensions } = encoder;
  return {
    encoder,
    task,
    labels,
    addHead(graph, weights, { name, states }) {
      if (task === "SequenceClassification")
        return addFirstTokenHead({ graph, weights, head }, { name, states, dimensions, labels });
      const last = task === "QuestionAnswering" ? "qa_outputs" : "classifier";
      addLinear(graph, name, { input: states, ...affine(weights, last, [labels.length, dimensions]) });
    },
  };
}

interface HeadBuild {
  readonly graph: GraphBuilder;
  readonly weights: Weights;
  readonly head: FirstTokenHead;
}

interface HeadSizes extends HeadPlace {
  readonly dimensions: number;
  readonly labels: readonly string[];
}

function addFirstTokenHead({ graph, weights, head }: HeadBuild, { name, states, dimensions, labels }: HeadSizes): void {
  const first = graph.node("first", "Gather", {
    inputs: [states, graph.integer("first.place", 0)],
    attributes: { axis: { int: 1 } },
  });
  const dense = affine(weights, head.dense, [dimensions, dimensions]);
  const input = graph.node("judged", head.activation, {
    inputs: [addLinear(graph, "judged.dense", { input: first, rank: 2, ...dense })],
  });
  addLinear(graph, name, { input, rank: 2, ...affine(weights, head.last, [labels.length, dimensions]) });
}

/** What the model's class has a head for; undefined where it is none of `classifierTasks`. */
export function headOfConfig({ values: { architectures } }: JsonFile): ClassifierTask | undefined {
  const [name = ""] = Array.isArray(architectures) ? architectures.map(String) : [];
  return classifierTasks.find((known) => name.endsWith(`For${known}`));
}

function readTask(config: JsonFile): ClassifierTask {
  const task = headOfConfig(config);
  if (task !== undefined) return task;
  const supported = classifierTasks.map((known) => `one For${known}`);
  throw config.unsupported("architectures", supported);
}

/** `id2label`, which names every logit; transformers writes none where there are two that have no names. */
function readLabels(config: JsonFile): readonly string[] {
  const { id2label } = config.values;
  if (id2label === undefined) return ["LABEL_0", "LABEL_1"];
  const count = isRecord(id2label) ? Object.keys(id2label).length : 0;
  const labels = Array.from({ length: count }, (_, id) => (isRecord(id2label) ? id2label[String(id)] : undefined));
  if (count > 0 && labels.every((label) => typeof label === "string")) return labels;
  throw config.invalid("id2label", "it must name every label by its number");
}
