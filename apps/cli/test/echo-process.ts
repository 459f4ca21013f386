// Says who it is and what it was given, then waits for a signal, or ends with the code that it was given.
const args = process.argv.slice(2);
process.on('SIGTERM', () => {
  console.log('{"signal":"SIGTERM"}');
  process.exit(7);
});
setInterval(() => undefined, 60_000);
console.log(JSON.stringify({ pid: process.pid, args, conditions: process.execArgv }));
if (args[0] === 'exit') process.exit(Number(args[1]));
