export { chooseJobs, type JobQuery, type StoredJob } from "./compose/choose-jobs.js";
export { initialConfig } from "./config/initial.js";
export { commandOptions } from "./config/options.js";
export { settingsSchema } from "./config/schema.js";
export type { Setting } from "./config/setting.js";
export { type SettingKey, type Settings, settingKeys, settings } from "./config/settings.js";
export { formatSettings, type ShownSetting, showSettings } from "./config/show.js";
export {
  configFileName,
  type LoadedSettings,
  loadSettings,
  readEnvironment,
  type SettingsInput,
} from "./config.js";
export { exitCodeOf, formatError } from "./report/errors.js";
export { formatAge, formatBytes, formatCount, formatCountOf, formatDuration, formatMoney } from "./report/format.js";
export { ageSeconds, formatFreshness } from "./report/freshness.js";
export {
  estimateRemaining,
  formatProgress,
  type Pace,
  type ProgressClock,
  type ProgressHistory,
  type ProgressLook,
  type ProgressSample,
  type ProgressState,
  type ProgressStyle,
  readClock,
  remember,
} from "./report/progress.js";
export { chooseMode, createReporter, type Reporter, type ReporterOptions, type ReportMode } from "./report.js";
export { refusalOf } from "./ui/guard.js";
export { highlightRanges } from "./ui/highlight.js";
export { type JobMoment, JobWatch, narrowestStage } from "./ui/job-view.js";
export { fleetMoment, mergedMoments } from "./ui/moments.js";
