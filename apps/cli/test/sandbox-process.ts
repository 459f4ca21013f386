// Stands in for @hms-sync/sandbox/main: the same ready line, the same end when its parent goes.
import { leaveTrace } from './traces.ts';

leaveTrace('sandbox', 'began');
process.on('disconnect', () => {
  leaveTrace('sandbox', 'ended');
  process.exit(0);
});
if (process.env.FAKE_SANDBOX_MODE === 'fails') {
  console.error('{"error":{"code":"port_unavailable","message":"no port is free"}}');
  process.exit(3);
}
const systems = { scheduling: 'http://127.0.0.1:1', records: 'http://127.0.0.1:2', billing: 'http://127.0.0.1:3' };
console.log(JSON.stringify({ ready: true, control: 'http://127.0.0.1:4', systems }));
