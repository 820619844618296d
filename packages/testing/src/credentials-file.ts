import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A temporary shared credentials file, which this process uses until disposal. */
export interface CredentialsFile extends AsyncDisposable {
  /** Replaces the file by renaming a new one, like tools that renew sessions. */
  write(text: string): Promise<void>;
}

export async function useCredentialsFile(text: string): Promise<CredentialsFile> {
  const directory = await mkdtemp(join(tmpdir(), 'cloud-mirror-credentials-'));
  const path = join(directory, 'credentials');
  const write = async (content: string): Promise<void> => {
    await writeFile(`${path}.new`, content);
    await rename(`${path}.new`, path);
  };
  await write(text);
  const changed: Readonly<Record<string, string | undefined>> = {
    AWS_SHARED_CREDENTIALS_FILE: path,
    AWS_CONFIG_FILE: join(directory, 'config'),
    AWS_ACCESS_KEY_ID: undefined,
    AWS_SECRET_ACCESS_KEY: undefined,
    AWS_SESSION_TOKEN: undefined,
    AWS_PROFILE: undefined,
    AWS_EC2_METADATA_DISABLED: 'true',
  };
  const before = Object.fromEntries(Object.keys(changed).map((name) => [name, process.env[name]]));
  setEnvironment(changed);
  return {
    write,
    async [Symbol.asyncDispose]() {
      setEnvironment(before);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

export function profileText(profile: string, accessKeyId: string): string {
  return `[${profile}]\naws_access_key_id = ${accessKeyId}\naws_secret_access_key = secret of ${accessKeyId}\n`;
}

function setEnvironment(values: Readonly<Record<string, string | undefined>>): void {
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
}
