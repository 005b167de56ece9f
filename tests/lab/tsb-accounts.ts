/** Service accounts: the server makes the key pair, hands out the private half once and keeps the public one. */
import type { JWK } from "jose";
import { ApiError } from "./api-http.ts";
import { newSigningKey, publicHalf, type SigningKey } from "./signing-key.ts";
import type { TsbObject, TsbStore } from "./tsb-store.ts";
import { keysOf } from "./tsb-tokens.ts";

const NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** @throws ApiError 409 when it exists already, 400 when its name is no name @returns the private key */
export async function createAccount(store: TsbStore, organization: string, name: string): Promise<SigningKey> {
  if (!NAME.test(name)) throw new ApiError(400, `invalid service account name "${name}"`);
  const fqn = `organizations/${organization}/serviceaccounts/${name}`;
  if ((await store.get("ServiceAccount", fqn)) !== undefined) {
    throw new ApiError(409, `service account "${fqn}" already exists`);
  }
  const key = await newSigningKey();
  await store.put({
    apiVersion: "api.tsb.tetrate.io/v2",
    kind: "ServiceAccount",
    fqn,
    metadata: { name, organization },
    spec: { displayName: name, keys: [publicHalf(key)] },
  });
  return key;
}

/** @returns the private half of a further key */
export async function addKey(store: TsbStore, fqn: string): Promise<SigningKey> {
  const account = await accountOf(store, fqn);
  const key = await newSigningKey();
  await putKeys(store, account, [...keysOf(account.spec), publicHalf(key)]);
  return key;
}

/** @throws ApiError 404 when the account has no such key */
export async function revokeKey(store: TsbStore, fqn: string, kid: string): Promise<void> {
  const account = await accountOf(store, fqn);
  const keys = keysOf(account.spec);
  if (!keys.some((key) => key.kid === kid)) throw new ApiError(404, `service account "${fqn}" has no key "${kid}"`);
  await putKeys(
    store,
    account,
    keys.filter((key) => key.kid !== kid),
  );
}

async function accountOf(store: TsbStore, fqn: string): Promise<TsbObject> {
  const account = await store.get("ServiceAccount", fqn);
  if (account === undefined) throw new ApiError(404, `service account "${fqn}" not found`);
  return account;
}

async function putKeys(store: TsbStore, account: TsbObject, keys: JWK[]): Promise<void> {
  await store.put({ ...account, spec: { ...account.spec, keys } });
}
