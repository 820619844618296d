export { RenewableCredentials } from './renewable-credentials.ts';
export type { CredentialsProvider } from './renewable-credentials.ts';
export type { CredentialsSource } from './credentials-source.ts';
export { namesRefusedCredentials } from './refused-credentials.ts';
