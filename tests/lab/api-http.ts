/** Requests and replies of the stand-in APIs, apart from the sockets they travel on. */

export interface ApiRequest {
  method: string;
  path: string;
  query: URLSearchParams;
  /** Name the client addressed, without port. */
  host: string;
  /** Bearer token, if any. */
  token: string | undefined;
  body: unknown;
}

export interface ApiReply {
  status: number;
  body: object;
}

/** A refusal: becomes `{code, message}` with this HTTP status. */
export class ApiError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = "ApiError";
    this.status = status;
  }
}

/** Whether a value is a JSON object. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** @throws ApiError 400 unless `body[key]` is a non-empty string */
export function requiredString(body: unknown, key: string): string {
  const value = isRecord(body) ? body[key] : undefined;
  if (typeof value !== "string" || value === "") throw new ApiError(400, `${key} is required`);
  return value;
}

/** @returns the strings of an object, numbers and booleans written out */
export function stringsOf(value: unknown): Record<string, string> {
  if (!isRecord(value)) return {};
  const entries = Object.entries(value).filter(([, item]) => ["string", "number", "boolean"].includes(typeof item));
  return Object.fromEntries(entries.map(([key, item]) => [key, String(item)]));
}

/** @throws ApiError 400 unless the query has the parameter */
export function requiredQuery(query: URLSearchParams, key: string): string {
  const value = query.get(key);
  if (!value) throw new ApiError(400, `query parameter ${key} is required`);
  return value;
}
