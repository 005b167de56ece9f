/** The endpoint where a standby is given what it needs to replicate. */
import { ApiError, type ApiRequest, isRecord, requiredString } from "./api-http.ts";
import type { DatabaseCredentials } from "./operator-inputs.ts";
import { isSameKey, publicHalf, type SigningKey } from "./signing-key.ts";
import { rolesOn } from "./tsb-access.ts";
import type { TsbStore } from "./tsb-store.ts";
import { verifyServiceAccount } from "./tsb-tokens.ts";

/** What the active says about itself. */
export interface ActiveFacts {
  organization: string;
  floatDns: string;
  key: SigningKey;
  exposesPostgres: boolean;
  replication: DatabaseCredentials;
}

/** What a standby receives. */
export interface SynchronizationAnswer {
  user: string;
  password: string;
  port: number;
}

/** @throws ApiError 421, 404, 401, 403, 409 or 412, one for each mistake that the guide warns of */
export async function synchronize(
  store: TsbStore,
  request: ApiRequest,
  active: ActiveFacts,
): Promise<SynchronizationAnswer> {
  const organization = requiredString(request.body, "organization");
  if (request.host === active.floatDns) {
    throw new ApiError(
      421,
      `activeMpSynchronizationEndpoint must be the permanent name of the active, not the floating name "${active.floatDns}"`,
    );
  }
  if (organization !== active.organization) throw new ApiError(404, `organization "${organization}" not found`);
  const account = await verifyServiceAccount(store, request.token ?? "");
  const resource = `organizations/${organization}`;
  if (!(await rolesOn(store, resource, account)).includes("rbac/org-reader")) {
    throw new ApiError(403, `service account "${account.fqn}" lacks role rbac/org-reader on "${resource}"`);
  }
  const theirs = isRecord(request.body) ? request.body.signingKey : undefined;
  if (!isRecord(theirs) || theirs.kid !== active.key.kid || !isSameKey(theirs, publicHalf(active.key))) {
    const kid = isRecord(theirs) ? theirs.kid : undefined;
    throw new ApiError(
      409,
      `iam-signing-key differs: the standby's kid is "${kid}", the active's is "${active.key.kid}"`,
    );
  }
  if (!active.exposesPostgres) {
    throw new ApiError(
      412,
      "the active does not expose its embedded Postgres: set highAvailability.active.exposeEmbeddedPostgresInFrontEnvoy there",
    );
  }
  return { ...active.replication, port: 5432 };
}
