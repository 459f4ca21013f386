#!/usr/bin/env node
// Must run on an old Node (CommonJS, syntax of Node 12), to report that it is too old.

// Otherwise any process of the same user could open Node's debugger with this signal.
process.on('SIGUSR1', function ignore() {});

const neededText = require('../package.json').engines.node.replace('>=', '');
const installed = process.versions.node.split('.').map(Number);
const needed = neededText.split('.').map(Number);
const differing = needed.findIndex((part, index) => part !== installed[index]);

if (differing !== -1 && installed[differing] < needed[differing]) {
  console.error(
    `hms-adapter: Node ${process.versions.node} is too old, ${neededText} or newer is needed: install it from ` +
      `https://nodejs.org, or run: npx -p node@${needed[0]} hms-adapter`,
  );
  process.exitCode = 2;
} else {
  start();
}

function start() {
  const { existsSync } = require('node:fs');
  const { join } = require('node:path');
  const { pathToFileURL } = require('node:url');
  const sources = join(__dirname, '../src/command/main.ts');
  const sourceCondition = '--conditions=@hms-sync/source';

  if (!existsSync(sources)) {
    // Published: built code.
    import('../dist/command/main.js');
  } else if (process.execArgv.indexOf(sourceCondition) !== -1) {
    import(pathToFileURL(sources).href);
  } else {
    // A checkout: runs the sources, with the condition for the sources of the sibling packages.
    execNode([sourceCondition].concat(process.execArgv, __filename, process.argv.slice(2)));
  }
}

function execNode(args) {
  args = ['--disable-sigusr1'].concat(args);
  if (process.platform !== 'win32' && process.execve !== undefined) {
    process.execve(process.execPath, [process.execPath].concat(args), process.env);
    return;
  }
  const { status } = require('node:child_process').spawnSync(process.execPath, args, { stdio: 'inherit' });
  process.exitCode = status === null ? 1 : status;
}
