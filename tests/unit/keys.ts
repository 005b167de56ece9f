/**
 * node --import …/keys.js: RSA keys of 2048 bits come from the folder that this file lies in, so that the tests of one run
 * share them; what it lacks is made and kept there. No key comes twice within one test: those that it had stand in the
 * folder keys-used beside STATE_DIR.
 */

import crypto, { createPrivateKey, type KeyObject } from "node:crypto";
import { closeSync, linkSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

const make = promisify(crypto.generateKeyPair);
const used = join(dirname(process.env.STATE_DIR ?? "."), "keys-used");

/** Node's own generateKeyPair, as promisify finds it. */
async function keyPair(type: "rsa", options: { modulusLength: number }): Promise<{ privateKey: KeyObject }> {
  if (options.modulusLength !== 2048) return make(type, options);
  mkdirSync(used, { recursive: true });
  for (let number = 0; ; number++) if (succeeds(() => claim(number))) return { privateKey: await key(number) };
}

const claim = (number: number) => closeSync(openSync(join(used, `${number}`), "wx"));

async function key(number: number): Promise<KeyObject> {
  const file = join(import.meta.dirname, `${number}.pem`);
  if (!succeeds(() => readFileSync(file))) {
    const { privateKey } = await make("rsa", { modulusLength: 2048 });
    const own = `${file}.${process.pid}`;
    writeFileSync(own, privateKey.export({ type: "pkcs8", format: "pem" }));
    // Another process may have been faster: then its key is the one.
    succeeds(() => linkSync(own, file));
    rmSync(own);
  }
  return createPrivateKey(readFileSync(file));
}

/** @returns false where the file is there already, or not there */
function succeeds(act: () => unknown): boolean {
  try {
    act();
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "EEXIST" && code !== "ENOENT") throw error;
    return false;
  }
}

Object.assign(crypto, { generateKeyPair: Object.assign(() => undefined, { [promisify.custom]: keyPair }) });
syncBuiltinESMExports();
