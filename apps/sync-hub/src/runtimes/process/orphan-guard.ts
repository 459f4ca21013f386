import { type ChildProcess, spawn } from 'node:child_process';
import { Socket } from 'node:net';

/**
 * A shell that waits for the end of its input and then kills every process group that it was told and not told off. It
 * costs a megabyte. Its memory of groups is a list of words; `kill` of a group that is gone does no harm.
 */
const SCRIPT = `groups=' '
while read -r sign group; do
  case $sign in
    +) groups="$groups$group " ;;
    -) groups="\${groups%% $group *} \${groups#* $group }" ;;
  esac
done
for group in $groups; do kill -9 "-$group" 2>/dev/null; done
exit 0`;

let guard: ChildProcess | undefined;

/**
 * Lets a process group end with the hub, however that ends: also by kill -9, and also when the group is in an endless
 * loop and does not see that the hub is gone.
 *
 * @returns takes it back, once the group has ended
 */
export function guardGroup(groupId: number): () => void {
  guard ??= startGuard();
  guard.stdin?.write(`+ ${groupId}\n`);
  return () => guard?.stdin?.write(`- ${groupId}\n`);
}

function startGuard(): ChildProcess {
  // In a session of its own: Ctrl-C is for the hub.
  const child = spawn('/bin/sh', ['-c', SCRIPT], { stdio: ['pipe', 'ignore', 'ignore'], detached: true, env: {} });
  // Without a shell there is no guard; a process that is not in a loop still sees the end of its lifeline.
  child.on('error', () => undefined);
  child.stdin?.on('error', () => undefined);
  child.unref();
  // A pipe to a child is a socket, and this one is no reason for the hub to go on.
  if (child.stdin instanceof Socket) child.stdin.unref();
  return child;
}
