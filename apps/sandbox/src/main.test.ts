import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { sourceCondition } from '../../../vitest.shared.ts';
import { call, push } from '../test/caller.ts';

const main = fileURLToPath(new URL('main.ts', import.meta.url));
const execArgv = [`--conditions=${sourceCondition}`];

interface Ready {
  ready: boolean;
  control: string;
  systems: { scheduling: string; records: string; billing: string };
}
interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** A sandbox process, what it has said so far, and its end. */
class SandboxProcess {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  readonly #stdout: string[] = [];
  readonly #firstLine: Promise<string>;

  constructor(child: ChildProcess) {
    children.push(child);
    this.child = child;
    const { stdout, stderr } = child;
    if (stdout === null || stderr === null) throw new Error('the child must be started with pipes');
    const lines = createInterface({ input: stdout });
    lines.on('line', (line) => this.#stdout.push(line));
    this.#firstLine = once(lines, 'line').then(([line]) => String(line));
    let errors = '';
    stderr.setEncoding('utf8').on('data', (text: string) => {
      errors += text;
    });
    // Not the `close` of the child: it never comes when the parent let go of the channel itself.
    const closed = [once(child, 'exit'), once(lines, 'close'), once(stderr, 'close')] as const;
    this.ended = Promise.all(closed).then(([[code]]) => ({ code, stdout: this.#stdout.join('\n'), stderr: errors }));
  }

  static start(args: string[], environment: NodeJS.ProcessEnv = {}): SandboxProcess {
    const env = { ...process.env, ...environment };
    return new SandboxProcess(spawn(process.execPath, [...execArgv, main, ...args], { env }));
  }

  async ready(): Promise<Ready> {
    return JSON.parse(await this.#firstLine);
  }
}

describe('main', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    'prints its addresses in one line, works, and exits with 0 on %s',
    async (signal) => {
      const sandbox = SandboxProcess.start(['--json']);
      const ready = await sandbox.ready();
      expect(ready).toEqual({
        ready: true,
        control: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
        systems: {
          scheduling: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
          records: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
          billing: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
        },
      });
      await call(`${ready.control}/faults/records`, { method: 'PUT', body: { hang: true } });
      const cut = expect(push(`${ready.systems.records}/records-sync`, { type: 't', id: 'e-1' })).rejects.toThrow();
      await push(`${ready.systems.billing}/billing-sync`, { type: 't', id: 'e-1' });
      sandbox.child.kill(signal);
      const { code, stdout, stderr } = await sandbox.ended;
      expect({ code, lines: stdout.split('\n').length, stderr }).toEqual({ code: 0, lines: 1, stderr: '' });
      await cut;
    },
  );

  it('listens where its flags say, with the tokens of its environment', async () => {
    const first = SandboxProcess.start([]);
    const port = Number(new URL((await first.ready()).systems.billing).port);
    first.child.kill('SIGTERM');
    await first.ended;
    const second = SandboxProcess.start([`--billing-port=${port}`, '--host', 'localhost', '--keep-calls', '1'], {
      SANDBOX_BILLING_TOKEN: 'b-token',
    });
    const { systems, control } = await second.ready();
    expect(systems.billing).toBe(`http://localhost:${port}`);
    expect((await push(`${systems.billing}/billing-sync`, { type: 't', id: 'e-1' })).status).toBe(401);
    const headers = { authorization: 'Bearer b-token' };
    expect((await push(`${systems.billing}/billing-sync`, { type: 't', id: 'e-1' }, { headers })).status).toBe(200);
    const { body } = await call(`${control}/calls/count`, { method: 'GET' });
    expect(body).toEqual({ count: 1, effects: 1, forgotten: 1 });
  });

  it('exits with 0 when its parent closes the channel', async () => {
    const sandbox = new SandboxProcess(fork(main, ['--json'], { execArgv, silent: true }));
    await sandbox.ready();
    sandbox.child.disconnect();
    expect(await sandbox.ended).toMatchObject({ code: 0 });
  });

  it('exits with 0 when its parent closed the channel before the modules were loaded', async () => {
    const firstLosesItsParent = 'data:text/javascript,await new Promise((gone) => process.once("disconnect", gone))';
    const child = fork(main, ['--json'], { execArgv: [...execArgv, '--import', firstLosesItsParent], silent: true });
    const sandbox = new SandboxProcess(child);
    child.disconnect();
    expect(await sandbox.ended).toMatchObject({ code: 0 });
  });

  it('leaves no orphan when its parent is killed', async () => {
    const parent = spawn(
      process.execPath,
      [
        '--input-type=module',
        '--eval',
        `import { fork } from 'node:child_process';
         fork(${JSON.stringify(main)}, ['--json'], { execArgv: ${JSON.stringify(execArgv)} });`,
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const family = new SandboxProcess(Object.assign(parent, { stderr: parent.stdout }));
    const { control } = await family.ready();
    parent.kill('SIGKILL');
    // The sandbox holds the same pipe as its parent: it closes when both of them are gone.
    await family.ended;
    await expect(call(control, { method: 'GET' })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('exits with 0 on SIGTERM while its parent keeps the channel open', async () => {
    const sandbox = new SandboxProcess(fork(main, ['--json'], { execArgv, silent: true }));
    await sandbox.ready();
    sandbox.child.kill('SIGTERM');
    expect(await sandbox.ended).toMatchObject({ code: 0 });
  });

  it('exits with 3 and one line when a port is in use', async () => {
    const port = new URL((await SandboxProcess.start([]).ready()).control).port;
    const [plain, json] = await Promise.all([
      SandboxProcess.start(['--records-port', port]).ended,
      SandboxProcess.start(['--records-port', port, '--json']).ended,
    ]);
    const message = `records cannot listen on port ${port} of 127.0.0.1: it is in use: stop the program that listens there, or choose another port`;
    expect(plain).toEqual({ code: 3, stdout: '', stderr: `sandbox: ${message}\n` });
    expect(json.code).toBe(3);
    expect(JSON.parse(json.stderr)).toEqual({ error: { code: 'port_unavailable', message } });
  });

  it.each([
    [['--biling-port', '1'], 'there is no flag --biling-port, did you mean --billing-port?'],
    [['--seed', '-1'], '--seed'],
    [['--seed=many', '--control-port=70000'], '--control-port must be a whole number from 0 to 65535; --seed must be'],
    [['--keep-calls=0'], '--keep-calls must be a whole number from 1'],
    [['8080'], '8080'],
  ])('exits with 2 for %j and reports how to fix it', async (args, words) => {
    const { code, stdout, stderr } = await SandboxProcess.start(args).ended;
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(words);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });

  it('lists its flags by --help', async () => {
    const { code, stdout } = await SandboxProcess.start(['--help']).ended;
    expect(code).toBe(0);
    expect(stdout).toContain('--scheduling-port');
  });
});
