import { z } from "zod";
import { setting } from "./setting.js";

const positive = z.number().int().positive();

/** Options of commands that label texts. */
export const taskSettings = {
  labels: setting({
    group: "labelling",
    doc: "Labels to try by whether the text entails them, in place of those that the model was trained with",
    schema: z.array(z.string().trim().min(1)),
    default: [],
    path: "labelling.labels",
    example: ["sport", "politics"],
    flag: "--labels <name>",
    hasCommas: true,
    env: ["MILLRACE_LABELS"],
  }),
  hypothesis: setting({
    group: "labelling",
    doc: "What a text entails that one of --labels fits; {} stands for the label",
    schema: z.string().min(1),
    default: "This example is {}.",
    path: "labelling.hypothesis",
    flag: "--hypothesis <text>",
    env: ["MILLRACE_HYPOTHESIS"],
  }),
  multiLabel: setting({
    group: "labelling",
    doc: "Let any number of --labels fit, and not one",
    schema: z.boolean(),
    default: false,
    path: "labelling.multiLabel",
    flag: "--multi-label",
    env: ["MILLRACE_MULTI_LABEL"],
  }),
  maxAnswerTokens: setting({
    group: "labelling",
    doc: "Most tokens in an answer",
    schema: positive,
    default: 15,
    path: "labelling.maxAnswerTokens",
    flag: "--max-answer-tokens <n>",
    env: ["MILLRACE_MAX_ANSWER_TOKENS"],
  }),
  allowNoAnswer: setting({
    group: "labelling",
    doc: "Let an empty answer say that the context holds none",
    schema: z.boolean(),
    default: false,
    path: "labelling.allowNoAnswer",
    flag: "--allow-no-answer",
    env: ["MILLRACE_ALLOW_NO_ANSWER"],
  }),
};
