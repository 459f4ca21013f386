import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** Runs `npm install` in a folder, on this process's own screen. Resolves to whether it went well. */
export async function install(folder: string): Promise<boolean> {
  // On Windows npm is a script, which only a shell finds.
  const npm = spawn('npm', ['install'], {
    cwd: folder,
    stdio: ['ignore', 'inherit', 'inherit'],
    shell: process.platform === 'win32',
  });
  try {
    const [code] = await once(npm, 'exit');
    return code === 0;
  } catch {
    // There is no npm: the same as one that fails, for whoever reads what to do next.
    return false;
  }
}
