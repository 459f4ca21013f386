#!/usr/bin/env node
// Must parse and run on a Node that is far too old (CommonJS, syntax of Node 12), so that it can say so.

// Any process of the same user can send it, and Node would open its debugger.
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
    // A checkout: Node runs the sources themselves, and has to find those of the sibling packages too.
    becomeNode([sourceCondition].concat(process.execArgv, __filename, process.argv.slice(2)));
  }
}

function becomeNode(args) {
  args = ['--disable-sigusr1'].concat(args);
  if (process.platform !== 'win32' && process.execve !== undefined) {
    process.execve(process.execPath, [process.execPath].concat(args), process.env);
    return;
  }
  const { status } = require('node:child_process').spawnSync(process.execPath, args, { stdio: 'inherit' });
  process.exitCode = status === null ? 1 : status;
}
