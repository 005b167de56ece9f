/**
 * Parsers for single settings: text in, value out. Each throws an Error whose message says what is wrong with the
 * text, to be shown after the variable's name.
 */

import { accessSync, constants, existsSync, statSync } from "node:fs";
import { join, resolve } from "node:path";

const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

function isHostName(text: string): boolean {
  return text.length <= 253 && text.split(".").every((label) => LABEL.test(label));
}

/** A fully qualified name, lower case, without scheme, port or final dot, e.g. "mp1.tsb.example.com". */
export function fqdn(text: string): string {
  if (/^[a-z]+:\/\//i.test(text)) throw new Error(`"${text}" is a URL, not a DNS name`);
  if (/^[^:]+:\d+$/.test(text)) throw new Error(`"${text}" has a port; give the name alone`);
  if (/^[\d.]+$/.test(text) || text.includes(":")) throw new Error(`"${text}" is an IP address, not a DNS name`);
  if (/[A-Z]/.test(text)) throw new Error(`"${text}" has capitals; DNS names are written in lower case here`);
  if (!text.includes(".")) throw new Error(`"${text}" has no domain`);
  if (!isHostName(text)) throw new Error(`"${text}" is not a DNS name`);
  return text;
}

/** A DNS zone, e.g. "tsb.example.com"; a final dot is accepted and dropped. */
export function zone(text: string): string {
  const name = text.replace(/\.$/, "");
  if (!isHostName(name)) throw new Error(`"${text}" is not a DNS zone`);
  return name;
}

/** A server with an optional port (default 53): `{ host, port }`. IPv6 addresses in brackets. */
export function hostAndPort(text: string): { host: string; port: number } {
  const match = /^(?:\[([0-9a-f:]+)\]|([a-z0-9.-]+))(?::(\d+))?$/i.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3] ?? 53);
  if (!host || host.startsWith("-") || port < 1 || port > 65535) throw new Error(`"${text}" is not HOST or HOST:PORT`);
  return { host, port };
}

/** Whole numbers from `min` to `max`. */
export function integer(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max)
      throw new Error(`"${text}" is not a whole number from ${min} to ${max}`);
    return value;
  };
}

/** One of a few words. */
export function oneOf<const T extends string>(...words: readonly T[]): (text: string) => T {
  return (text) => {
    const found = words.find((word) => word === text);
    if (!found) throw new Error(`"${text}" is not one of ${words.join(", ")}`);
    return found;
  };
}

/** "1" switches on, "0" off. */
export function flag(text: string): boolean {
  return oneOf("0", "1")(text) === "1";
}

/** The name of a management plane instance: mp1, mp2, … as in MP1_DNS. */
export function instanceName(text: string): string {
  if (!/^mp[1-9]\d*$/.test(text)) throw new Error(`"${text}" is not the name of an instance (mp1, mp2, …)`);
  return text;
}

/** A TSB organisation: lower-case letters, digits and dashes. */
export function organisation(text: string): string {
  if (/[A-Z]/.test(text)) throw new Error(`"${text}" has capitals; TSB wants the organisation in lower case`);
  if (!LABEL.test(text)) throw new Error(`"${text}" is not an organisation name (lower-case letters, digits, dashes)`);
  return text;
}

/** One or more control plane cluster names, separated by commas or spaces. */
export function clusterNames(text: string): string[] {
  const names = text.split(/[\s,]+/).filter(Boolean);
  if (names.length === 0) throw new Error("names no cluster");
  for (const name of names) {
    if (!LABEL.test(name)) throw new Error(`"${name}" is not a cluster name (lower-case letters, digits, dashes)`);
  }
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice) throw new Error(`names "${twice}" twice`);
  return names;
}

/** The name of a kube context. */
export function context(text: string): string {
  if (/^-|\s/.test(text) || hasControl(text)) throw new Error(`"${printable(text)}" is not a kube context's name`);
  return text;
}

/** A chart or release version as helm takes it: semantic, with or without a leading v. */
export function version(text: string): string {
  if (!/^v?\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/.test(text))
    throw new Error(`"${printable(text)}" is not a version such as 1.12.0`);
  return text;
}

/** An image registry with an optional path, without scheme: "registry.example.com/tsb". */
export function registry(text: string): string {
  if (/^[a-z]+:\/\//i.test(text)) throw new Error(`"${text}" is a URL; image registries are given without a scheme`);
  if (!/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d+)?(\/[a-z0-9._-]+)*$/.test(text))
    throw new Error(`"${printable(text)}" is not an image registry`);
  return text;
}

/** An http(s) URL, such as a chart repository's. */
export function url(text: string): string {
  if (!URL.canParse(text) || !/^https?:\/\//.test(text)) throw new Error(`"${printable(text)}" is not an http(s) URL`);
  return text;
}

/** A chart: a folder, a .tgz file, or an oci:// reference. */
export function chart(text: string): string {
  if (text.startsWith("oci://")) {
    if (/[:@][^/]*$/.test(text.replace(/^oci:\/\/[^/]*/, "")))
      throw new Error(`"${printable(text)}" has a tag or a digest; the version is a setting of its own`);
    if (!/^oci:\/\/[a-z0-9.-]+(:\d+)?(\/[a-z0-9._-]+)+$/.test(text))
      throw new Error(`"${printable(text)}" is not an oci:// chart reference`);
    return text;
  }
  const file = path(text);
  const found = statSync(file, { throwIfNoEntry: false });
  if (!found) throw new Error(`"${printable(text)}" is neither a folder, a .tgz file nor an oci:// reference`);
  if (found.isFile() && !file.endsWith(".tgz")) throw new Error(`"${printable(text)}" is a file but not a .tgz`);
  if (found.isDirectory() && !existsSync(join(file, "Chart.yaml")))
    throw new Error(`"${printable(text)}" is a folder without a Chart.yaml`);
  return file;
}

/** A readable file; the absolute path is returned. */
export function readableFile(text: string): string {
  const file = path(text);
  const found = statSync(file, { throwIfNoEntry: false });
  if (!found) throw new Error(`no such file: ${printable(file)}`);
  if (!found.isFile()) throw new Error(`not a file: ${printable(file)}`);
  try {
    accessSync(file, constants.R_OK);
  } catch (cause) {
    throw new Error(`can't be read: ${printable(file)}`, { cause });
  }
  return file;
}

/** An executable file; the absolute path is returned. */
export function executable(text: string): string {
  const file = readableFile(text);
  try {
    accessSync(file, constants.X_OK);
  } catch (cause) {
    throw new Error(`is not executable: ${printable(file)}`, { cause });
  }
  return file;
}

/** A path that need not exist yet; made absolute. */
export function path(text: string): string {
  if (hasControl(text)) throw new Error("has control characters");
  return resolve(text);
}

/** A password: not empty, one line, no control characters. Its text never appears in a message. */
export function password(text: string): string {
  if (hasControl(text)) throw new Error("has a line break or another control character");
  if (text.trim() !== text) throw new Error("begins or ends with a blank");
  return text;
}

/** A distinguished name, e.g. "cn=admin,dc=tetrate,dc=io". */
export function distinguishedName(text: string): string {
  if (!/^[a-z]+=[^,]+(,[a-z]+=[^,]+)*$/i.test(text) || hasControl(text))
    throw new Error(`"${printable(text)}" is not a distinguished name`);
  return text;
}

function hasControl(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return /[\u0000-\u001f\u007f]/.test(text);
}

/** Text from outside, made safe to print on one line. */
export function printable(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}
