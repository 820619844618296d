export { FILTER_HEADER, ListenRules } from './haproxy/listen-rules.ts';
export { isBindAddress } from './haproxy/safe-words.ts';
