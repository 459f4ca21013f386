import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

/** In its folder; short, because a socket's path has 103 bytes. */
const SOCKET_NAME = 's';
/** Of these 103, what the folder and the name in it do not need. */
const HOME_MAX_BYTES = 80;
/** mkdtemp adds six characters. */
const FOLDER_PREFIX = 'hms-sync-';

/** Where the folders of sockets are: the system's folder for what is temporary, or `/tmp` when its path is too long. */
export function socketsHome(): string {
  const home = tmpdir();
  return Buffer.byteLength(home) <= HOME_MAX_BYTES ? home : '/tmp';
}

/**
 * A shell that waits for the end of its input. Then it kills every process group and removes every socket folder that it
 * was given and not taken back. It costs a megabyte. What it knows is a list of words: a number is a group, anything else the
 * name of a folder in $1. `kill` of a group that is gone does no harm; of a folder it removes the socket and no more. It is
 * deaf to what is sent to all processes of a user.
 */
const SCRIPT = `trap '' HUP INT QUIT USR1 USR2 TERM
words=' '
while read -r sign word; do
  case $sign in
    +) words="$words$word " ;;
    -) words="\${words%% $word *} \${words#* $word }" ;;
  esac
done
for word in $words; do
  case $word in *[!0-9]*) ;; *) kill -9 "-$word" 2>/dev/null ;; esac
done
for word in $words; do
  case $word in *[!0-9]*) rm -f "$1/$word/${SOCKET_NAME}"; rmdir "$1/$word" 2>/dev/null ;; esac
done
exit 0`;

let guard: ChildProcess | undefined;
/** What it was given and not taken back: the next one, if it ends, gets the same. */
const guarded = new Set<string>();

/**
 * Lets a process group end with the hub, however that ends: also by kill -9, and also when the group is in an endless
 * loop and does not see that the hub is gone.
 *
 * @returns takes it back, once the group has ended
 */
export function guardGroup(groupId: number): () => void {
  return guardWord(String(groupId));
}

/** A folder for one socket, which nobody else may enter. It goes with the hub, also by kill -9. */
export interface SocketFolder {
  /** Where the socket is to be. */
  readonly socket: string;
  /** Idempotent; never rejects. */
  remove(): Promise<void>;
}

export async function makeSocketFolder(): Promise<SocketFolder> {
  // mkdtemp makes it with mode 0700, so that nobody else can connect.
  const path = await mkdtemp(join(socketsHome(), FOLDER_PREFIX));
  const letGo = guardWord(basename(path));
  return {
    socket: join(path, SOCKET_NAME),
    remove: async () => {
      // What cannot be removed now the guard tries again.
      await rm(path, { recursive: true, force: true }).then(letGo, () => undefined);
    },
  };
}

function guardWord(word: string): () => void {
  guarded.add(word);
  if (guard === undefined) guard = startGuard();
  else guard.stdin?.write(`+ ${word}\n`);
  return () => {
    guarded.delete(word);
    guard?.stdin?.write(`- ${word}\n`);
  };
}

function startGuard(): ChildProcess {
  // In a session of its own: Ctrl-C is for the hub.
  const child = spawn('/bin/sh', ['-c', SCRIPT, 'sh', socketsHome()], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
    env: { PATH: '/usr/bin:/bin' },
  });
  // Without a guard a process that is not in a loop still sees the end of its lifeline. The next process asks for another.
  const onEnd = () => {
    if (guard === child) guard = undefined;
  };
  child.on('error', onEnd);
  child.on('exit', onEnd);
  child.stdin?.on('error', onEnd);
  for (const word of guarded) child.stdin?.write(`+ ${word}\n`);
  child.unref();
  // A pipe to a child is a socket, and this one is not a reason for the hub to keep running.
  if (child.stdin instanceof Socket) child.stdin.unref();
  return child;
}
