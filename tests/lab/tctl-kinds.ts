/** The kinds of objects that tctl knows by name, and where they live. */

export interface Kind {
  kind: string;
  plural: string;
  /** Flags that say where it belongs, outermost first, beyond --org. */
  below: readonly ("tenant" | "workspace")[];
}

const KINDS: Record<string, Kind> = {
  Cluster: { kind: "Cluster", plural: "clusters", below: [] },
  Tenant: { kind: "Tenant", plural: "tenants", below: [] },
  User: { kind: "User", plural: "users", below: [] },
  Team: { kind: "Team", plural: "teams", below: [] },
  ServiceAccount: { kind: "ServiceAccount", plural: "serviceaccounts", below: [] },
  OrganizationSetting: { kind: "OrganizationSetting", plural: "organizationsettings", below: [] },
  Workspace: { kind: "Workspace", plural: "workspaces", below: ["tenant"] },
  Group: { kind: "Group", plural: "groups", below: ["tenant", "workspace"] },
};

const SHORT: Record<string, string> = { cs: "Cluster", ws: "Workspace", sa: "ServiceAccount" };

/** Finds a kind by any of its spellings: "cluster", "clusters", "cs". */
export function kindByName(name: string): Kind | undefined {
  const lower = name.toLowerCase();
  const short = SHORT[lower];
  if (short !== undefined) return KINDS[short];
  return Object.values(KINDS).find(({ kind, plural }) => [kind.toLowerCase(), plural].includes(lower));
}

export function isOrganization(name: string): boolean {
  return ["org", "orgs", "organization", "organizations"].includes(name.toLowerCase());
}

export function isAccessBindings(name: string): boolean {
  return ["ab", "accessbinding", "accessbindings"].includes(name.toLowerCase());
}
