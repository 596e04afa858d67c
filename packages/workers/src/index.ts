export { type DiagnoseOptions, diagnose, type Finding } from "./doctor/diagnose.js";
export { knownModels } from "./models/known.js";
export type {
  InstalledModel,
  KnownModel,
  ModelFile,
  ModelOrigin,
  ModelStoreOptions,
  PackagedModel,
  TransferLimits,
} from "./models/model.js";
export { findModel, listModels, pullModel } from "./models/store.js";
