export { RenewableCredentials } from './credentials/renewable-credentials.ts';
export type { CredentialsProvider } from './credentials/renewable-credentials.ts';
export type { CredentialsSource } from './credentials/credentials-source.ts';
export { namesRefusedCredentials } from './credentials/refused-credentials.ts';
