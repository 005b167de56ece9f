/** DNS records as data: what the names of a pair should be. Nothing here asks or changes a server. */

import { isIP } from "node:net";
import { StepError } from "./errors.ts";
import { printable } from "./parse.ts";

/** One record. Names and host names are lower case and have no final dot. */
export interface DnsRecord {
  /** FQDN, e.g. "mp1.tsb.example.com". */
  name: string;
  type: "A" | "AAAA" | "CNAME";
  /** An IP address in its canonical form, or the CNAME's target. */
  value: string;
  /** Time to live in seconds. */
  ttl: number;
}

/** Where a load balancer is reached: most clouds give an IP address (v4 or v6), AWS a host name. */
export type Address = { ip: string } | { hostname: string };

/** The record types of which a name may have one kind only: a CNAME stands alone. */
export const RECORD_TYPES = ["A", "AAAA", "CNAME"] as const;

/**
 * The records of the active instance: permanent name → the front envoy's address, floating name → permanent name.
 * @param names FQDNs, and the time to live in seconds
 * @throws StepError when the load balancer's address can't be one
 * Guide: Configure the DNS name for Management Plane endpoint
 */
export function recordsFor(names: { permanent: string; floating: string; ttl: number }, address: Address): DnsRecord[] {
  const permanent = permanentRecord(names.permanent, address, names.ttl);
  if (permanent.value === names.floating) throw circular(names.permanent, permanent.value);
  return [permanent, floatingRecord(names.floating, names.permanent, names.ttl)];
}

/**
 * An instance's permanent name: A or AAAA for an address, CNAME where the load balancer has a host name.
 * @param ttl seconds
 * @throws StepError when the load balancer's address can't be one
 */
export function permanentRecord(name: string, address: Address, ttl: number): DnsRecord {
  if ("ip" in address) {
    const family = isIP(address.ip);
    if (family === 0) throw new StepError(`the load balancer's IP address is none: "${printable(address.ip)}"`);
    return { name, type: family === 4 ? "A" : "AAAA", value: canonicalIp(address.ip), ttl };
  }
  const value = canonicalName(address.hostname);
  // Underscores are not for host names, but some load balancers' names have them.
  if (!/^[a-z0-9_]([a-z0-9_.-]*[a-z0-9])?$/.test(value) || value.includes(".."))
    throw new StepError(`the load balancer's host name is none: "${printable(address.hostname)}"`);
  if (value === name) throw circular(name, value);
  return { name, type: "CNAME", value, ttl };
}

/** The floating name: a CNAME for the permanent name of the instance that is active. @param ttl seconds */
export function floatingRecord(floating: string, permanent: string, ttl: number): DnsRecord {
  return { name: floating, type: "CNAME", value: permanent, ttl };
}

/** A record as one line of a zone file, with absolute names. */
export function zoneLine(record: DnsRecord): string {
  const value = record.type === "CNAME" ? `${record.value}.` : record.value;
  return `${record.name}. ${record.ttl} IN ${record.type} ${value}`;
}

/** A host name as it is compared: lower case, no final dot. */
export function canonicalName(name: string): string {
  return name.toLowerCase().replace(/\.$/, "");
}

/** An IP address as it is compared: "2001:DB8:0::1" and "2001:db8::1" are one. */
export function canonicalIp(ip: string): string {
  return isIP(ip) === 6 && !ip.includes("%") ? new URL(`http://[${ip}]`).hostname.slice(1, -1) : ip;
}

function circular(name: string, value: string): StepError {
  return new StepError(`the load balancer says that its host name is ${value}: ${name} would point at itself`, {
    next: "the host name in the service's status must be the load balancer's own: see what sets it",
  });
}
