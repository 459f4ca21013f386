import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** Runs `npm install` in a folder, with output to this process's terminal. Resolves to whether it succeeded. */
export async function install(folder: string): Promise<boolean> {
  // On Windows, npm is a script, which needs a shell.
  const npm = spawn('npm', ['install'], {
    cwd: folder,
    stdio: ['ignore', 'inherit', 'inherit'],
    shell: process.platform === 'win32',
  });
  try {
    const [code] = await once(npm, 'exit');
    return code === 0;
  } catch {
    // There is no npm.
    return false;
  }
}
