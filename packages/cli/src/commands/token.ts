import { createHash, randomBytes } from 'node:crypto';
import { SCOPES } from '@cloud-mirror/mirror/scopes';
import { Command } from 'commander';
import type { CommandContext } from '../command-context.ts';
import { UsageError } from '../command-error.ts';

const TOKEN_BYTES = 32;

/** `token new`: makes an operator's token and the line of `admin.tokens` that lets it in. */
export function tokenCommand(context: CommandContext): Command {
  return new Command('token').description("operators' tokens").addCommand(
    new Command('new')
      .description(
        'makes a token: prints it, once, and then its line for admin.tokens, which holds a hash only',
      )
      .requiredOption('--name <name>', 'who it is for; it stands in the logs')
      .requiredOption('--scopes <list>', `of ${SCOPES.join(', ')}; separated by commas`)
      .action((options: { name: string; scopes: string }) => {
        const scopes = checkedScopes(options.scopes);
        const token = randomBytes(TOKEN_BYTES).toString('base64url');
        const sha256 = createHash('sha256').update(token).digest('hex');
        // Quoted: a name may be a YAML keyword, and a hash look like a number.
        const line = `- { name: ${JSON.stringify(checkedName(options.name))}, sha256: '${sha256}', scopes: [${scopes.join(', ')}] }`;
        context.stderr.write('The token, shown this once, and its line for admin.tokens:\n');
        context.stdout.write(`${token}\n${line}\n`);
      }),
  );
}

function checkedName(name: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(name))
    throw new UsageError(
      'the name is not usable; give up to 63 letters, digits, dots, dashes and underscores, a letter or digit first',
    );
  return name;
}

function checkedScopes(list: string): readonly string[] {
  const scopes = [...new Set(list.split(',').map((scope) => scope.trim()))];
  const unknown = scopes.filter((scope) => !(SCOPES as readonly string[]).includes(scope));
  if (unknown.length > 0)
    throw new UsageError(
      `there is no scope ${JSON.stringify(unknown[0])}; give some of ${SCOPES.join(', ')}`,
    );
  return scopes;
}
