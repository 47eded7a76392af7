// Runs Azurite for local Azure: `node serve.js AZURITE_FOLDER DATA_FOLDER`.
//
// Standard input is the line to local Azure. Each line on it is JSON {"account": NAME, "keys": [BASE64, BASE64]}: an account that
// Azurite knows from then on (by itself it reads accounts from its environment only). When standard input ends,
// because local Azure ended, however it ended, Azurite writes its metadata and exits.
"use strict";
const path = require("path");
const readline = require("readline");

const [, , azurite, data] = process.argv;
const source = path.resolve(azurite, "node_modules", "azurite", "dist", "src");
process.argv = [
  process.argv[0], "azurite", "--location", data, "--silent", "--skipApiVersionCheck", "--disableTelemetry", "--loose",
  "--blobHost", "127.0.0.1", "--blobPort", "0", "--queueHost", "127.0.0.1", "--queuePort", "0",
  "--tableHost", "127.0.0.1", "--tablePort", "0",
];
delete process.env.AZURITE_DB;

const accounts = {};
const AccountDataStore = require(path.join(source, "common", "AccountDataStore")).default;
AccountDataStore.prototype.getAccount = (name) => accounts[name];

// Metadata is saved when it changed; by itself Azurite does that every five seconds.
const loki = require(require.resolve("lokijs", { paths: [source] }));
const configure = loki.prototype.configureOptions;
loki.prototype.configureOptions = function (options, initial) {
  return configure.call(this, { ...options, autosaveInterval: 500 }, initial);
};

// Local Azure reads standard output; when it was killed, what is written there must not end this process before it saved.
process.stdout.on("error", () => {});

const lines = readline.createInterface({ input: process.stdin });
lines.on("line", (line) => {
  const { account, keys } = JSON.parse(line);
  const [key1, key2] = keys.map((key) => Buffer.from(key, "base64"));
  accounts[account] = { name: account, key1, key2 };
  console.log(`account ${account}`);
});
lines.on("close", () => {
  process.kill(process.pid, "SIGTERM");
  setTimeout(() => process.exit(1), 8000).unref();
});

require(path.join(source, "azurite.js"));
