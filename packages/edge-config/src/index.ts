export { SERVER_OPTIONS } from './haproxy/app-servers.ts';
export type { RenderedServer } from './haproxy/app-servers.ts';
export { FILTER_HEADER, ListenRules } from './haproxy/listen-rules.ts';
export type { AppFault } from './haproxy/published-apps.ts';
export { renderHaproxyConfig, TEMPLATE_NAMES } from './haproxy/render-config.ts';
export type {
  HaproxyConfigSettings,
  HaproxyTemplates,
  RenderedBackend,
  RenderedConfig,
} from './haproxy/render-config.ts';
export { addressText, isBindAddress } from './haproxy/safe-words.ts';
