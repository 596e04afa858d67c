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
