import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** What the contracts are compared with, or why there is nothing. */
export type ComparisonBase =
  | { readonly kind: 'commit'; readonly commit: string; readonly name: string }
  | { readonly kind: 'nothing'; readonly why: string };

/** A release of the contracts, or of everything. */
const releaseTags = ['refs/tags/@hms-sync/proto@*', 'refs/tags/v*'];

/** Before the first release nobody depends on the contracts but the branch that others build on. */
const branches = ['refs/remotes/origin/main', 'refs/heads/main'];

/** The newest release that this checkout comes from, else main as the remote has it, else the local main. */
export async function comparisonBase(folder: string): Promise<ComparisonBase> {
  const git = async (...args: string[]): Promise<string | undefined> =>
    promisify(execFile)('git', args, { cwd: folder }).then(
      ({ stdout }) => stdout.trim(),
      () => undefined,
    );

  const head = await git('rev-parse', '--verify', '--quiet', 'HEAD');
  if (head === undefined) return { kind: 'nothing', why: 'this is no git checkout, or has no commit yet' };

  const newestFirst = '--sort=-creatordate';
  const tags = await git('for-each-ref', newestFirst, '--merged=HEAD', '--format=%(refname)', ...releaseTags);
  const isShallow = (await git('rev-parse', '--is-shallow-repository')) === 'true';

  for (const ref of [...(tags ?? '').split('\n'), ...branches].filter((name) => name !== '')) {
    const commit = await git('rev-parse', '--verify', '--quiet', `${ref}^{commit}`);
    if (commit === undefined) continue;
    const name = ref.replace(/^refs\/(tags|heads|remotes)\//, '');
    const released = ref.startsWith('refs/tags/');
    if (released) return { kind: 'commit', commit, name: `release ${name}` };
    const noRelease = isShallow ? 'this shallow clone has no release tag' : 'there is no release yet';
    const same = commit === head ? ', which is this very commit' : '';
    return { kind: 'commit', commit, name: `${name}${same}; ${noRelease}` };
  }
  return { kind: 'nothing', why: 'there is neither a release tag nor a branch main' };
}
