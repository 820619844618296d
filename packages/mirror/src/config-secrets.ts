import type { SecretValues } from '@cloud-mirror/program';

/** Keys of the configuration whose values are secrets. The user information of every URL is one as well. */
const SECRET_KEYS = /^(?:password|secretAccessKey|sessionToken|signingKey|sealKey)$/;

/** Adds the secrets of a configuration, so that no log line contains them. */
export function addConfigSecrets(config: unknown, secrets: SecretValues, key = ''): void {
  if (typeof config === 'string') return addText(config, secrets, key);
  if (typeof config !== 'object' || config === null) return;
  for (const [name, value] of Object.entries(config))
    addConfigSecrets(value, secrets, Array.isArray(config) ? key : name);
}

function addText(text: string, secrets: SecretValues, key: string): void {
  if (SECRET_KEYS.test(key)) return secrets.addSecret(text);
  const password = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*:([^/?#]*)@/i.exec(text)?.[1];
  if (password !== undefined && password !== '') secrets.addSecret(password);
}
