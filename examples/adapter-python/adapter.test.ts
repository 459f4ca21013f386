import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startStandIn } from '@hms-sync/adapter-sdk/stand-in';
import { describe, expect, onTestFinished, test } from 'vitest';
import { cert, key } from './test/certificate.ts';
import { run, runKit, startAdapter, startHub } from './test/programs.ts';
import { findPython } from './test/python.ts';

const python = findPython();
const command = python.kind === 'found' ? python.command : '';
const loopback = ['--listen', '127.0.0.1:0'];

describe('the Python of this machine', () => {
  const title =
    python.kind === 'found' ? 'runs the adapter' : `cannot run the adapter, so nothing of it was tested: ${python.why}`;
  test(title, () => {
    if (python.kind === 'missing') console.warn(title);
  });

  test('is missing with a reason when the one that is named cannot run it', () => {
    expect(findPython('/no/such/python')).toMatchObject({
      kind: 'missing',
      why: expect.stringMatching(/no\/such\/python.*ENOENT; on Debian: apt-get install python3-grpcio/),
    });
  });
});

describe.skipIf(python.kind === 'missing')('the adapter in Python', () => {
  test('passes the testing kit', { timeout: 60_000 }, async () => {
    const { address } = await startAdapter(command, loopback);
    const { code, stdout } = await runKit(['verify', '--target', address]);
    expect(stdout).toMatch(/\n15 passed, 2 not seen in /);
    expect(code).toBe(0);
  });

  test('accepts events again after a drain, once it is configured again', { timeout: 60_000 }, async () => {
    const { address } = await startAdapter(command, loopback);
    const only = (check: string) => runKit(['verify', '--target', address, '--only', check]);
    expect((await only('drain')).code).toBe(0);
    expect((await only('one-outcome')).stdout).toMatch(/\n1 passed in /);
  });

  test('turns away callers without its token', async () => {
    const { address } = await startAdapter(command, loopback, 'hunter2');
    const only = ['verify', '--target', address, '--only', 'manifest'];
    expect((await runKit(only)).stdout).toMatch(/16 send the token of this adapter/);
    const given = await runKit([...only, '--token-env', 'TOKEN'], { TOKEN: 'hunter2' });
    expect(given).toMatchObject({ code: 0, stdout: expect.stringContaining('1 passed') });
  });

  test.each([
    [['--listen', '0.0.0.0:0'], /^lab_adapter: without TLS only loopback is served, and 0\.0\.0\.0 is not/],
    [['--tls-cert', 'x'], /^lab_adapter: --tls-cert and --tls-key belong together/],
    [['--tls-cert', 'nowhere.pem', '--tls-key', 'nowhere.pem'], /^lab_adapter: .*nowhere\.pem/],
  ])('rejects %j, and reports why', async (flags, why) => {
    const { code, stderr } = await run(command, ['-m', 'lab_adapter', ...flags]);
    expect(stderr).toMatch(why);
    expect(code).toBe(2);
  });

  test('delivers through a hub that knows nothing of it but its address, also after it was killed', {
    timeout: 60_000,
  }, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hms-python-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    await Promise.all([writeFile(join(folder, 'cert.pem'), cert), writeFile(join(folder, 'key.pem'), key)]);
    const tls = [
      '--tls-cert',
      `${folder}/cert.pem`,
      '--tls-key',
      `${folder}/key.pem`,
      '--client-ca',
      `${folder}/cert.pem`,
    ];
    const first = await startAdapter(command, [...loopback, ...tls], 'hunter2');

    await using lab = await startStandIn();
    const config = [
      'listen: 127.0.0.1:0',
      'dataDir: data',
      'logLevel: silent',
      'adapters:',
      '  - id: lab',
      '    runtime: remote',
      `    remote: { address: '${first.address}', ca: cert.pem, cert: cert.pem, key: key.pem, token: hunter2 }`,
      `    config: { baseUrl: '${lab.url}', token: a-lab-token }`,
    ];
    await writeFile(join(folder, 'hms-sync.yaml'), config.join('\n'));
    const hub = await startHub(join(folder, 'hms-sync.yaml'));
    const publish = (id: string) =>
      fetch(`${hub.address}/sync`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ id, type: 'ProcessUpdated', key: 'p-1', payload: { processId: 'p-1' } }),
      });

    expect((await publish('event-1')).status).toBe(200);
    expect(lab.writes).toMatchObject([
      { method: 'POST', path: '/changes', headers: { authorization: 'Bearer a-lab-token' } },
    ]);
    expect(JSON.parse(lab.writes[0]?.body ?? '')).toMatchObject({ id: 'event-1', payload: { processId: 'p-1' } });

    first.process.kill('SIGKILL');
    await once(first.process, 'exit');
    const published = publish('event-2');
    await startAdapter(command, ['--listen', first.address, ...tls], 'hunter2');
    expect((await published).status).toBe(200);
    expect(lab.effects.size).toBe(2);
  });

  test('is asked to end, and ends with 0', async () => {
    const { process: adapter } = await startAdapter(command, loopback);
    adapter.kill('SIGTERM');
    expect(await once(adapter, 'exit')).toEqual([0, null]);
  });

  test('is made from the contract as it stands', async () => {
    const image = execFileSync(
      'buf',
      [
        'build',
        '.',
        '--path',
        'proto/hms/adapter/v1',
        '--exclude-source-info',
        '--exclude-imports',
        '--as-file-descriptor-set',
        '-o',
        '-',
      ],
      { cwd: join(import.meta.dirname, '../..') },
    );
    // Names in JSON are derived, and buf writes them out where protoc leaves that to the reader.
    const compare = `
import base64, sys
import lab_adapter
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from hms.adapter.v1 import adapter_service_pb2
def plain(file):
    def clear(messages):
        for message in messages:
            for field in message.field: field.ClearField("json_name")
            clear(message.nested_type)
    clear(file.message_type)
    return file
here = FileDescriptorProto(); adapter_service_pb2.DESCRIPTOR.CopyToProto(here)
there = FileDescriptorSet.FromString(base64.b64decode(sys.argv[1])).file[0]
print("the same" if plain(here) == plain(there) else "generated/ is of another contract: see README.md")`;
    const { stdout, stderr } = await run(command, ['-c', compare, image.toString('base64')]);
    expect({ stdout, stderr }).toEqual({ stdout: 'the same\n', stderr: '' });
  });
});
