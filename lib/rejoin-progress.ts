/** How far a rejoin is, and what it leaves in order: records on the active, and on the instance itself. */

import { type ClaimRecord, isUnfinished, readDocument, writeDocument, writeJournal } from "./journal.ts";
import { at, isObject, listAt, textAt } from "./json.ts";
import type { Member } from "./pair.ts";

/** ConfigMap on the active with the progress of a rejoin. */
const JOURNAL = "tsb-active-standby-rejoin";

/** How far a rejoin is; kept on the active. */
export interface Progress {
  instance: string;
  startedAt: string;
  /** Path of the dump of the diverged data, on the machine that made it. */
  dump?: string;
  /** Where the data parted, in words. */
  parted?: string;
  /** The database's claims that may go: agreed to by name. */
  claims: ClaimRecord[];
  agreedAt?: string;
  finishedAt?: string;
}

/** Keeps how far a rejoin is. */
export async function writeProgress(active: Member, progress: Progress): Promise<void> {
  await writeDocument(active.cluster, JOURNAL, progress);
}

/** A rejoin that was begun; not one from before the last role change: its consent was for other data. */
export async function readProgress(active: Member, instance: string): Promise<Progress | undefined> {
  const document = await readDocument(active.cluster, JOURNAL);
  const startedAt = textAt(document, "startedAt");
  if (!startedAt || textAt(document, "instance") !== instance || at(document, "finishedAt") !== undefined)
    return undefined;
  if (active.journal && active.journal.startedAt > startedAt) return undefined;
  const optional = ["dump", "parted", "agreedAt"].flatMap((key) => {
    const text = textAt(document, key);
    return text === undefined ? [] : [[key, text]];
  });
  const claims = listAt(document, "claims").flatMap((claim) => {
    const [name, uid] = [textAt(claim, "name"), textAt(claim, "uid")];
    return isObject(claim) && name && uid ? [{ name, uid }] : [];
  });
  return { instance, startedAt, claims, ...Object.fromEntries(optional) };
}

/**
 * The instance streams from the active: nothing of a rejoin is left open, nobody need be warned of it any more, and a
 * role change to it that a later one has overtaken is not under way.
 * @param progress default: what a run before left open, though the instance came to stream by itself
 */
export async function settle(member: Member, active: Member, progress?: Progress): Promise<void> {
  const finishedAt = new Date().toISOString();
  const { journal } = active;
  if (journal?.unfencedOldActive && journal.from === member.name)
    await writeJournal(active.cluster, { ...journal, unfencedOldActive: false });
  const begun = progress ?? (await readProgress(active, member.name));
  if (begun) await writeProgress(active, { ...begun, finishedAt });
  const overtaken = member.journal;
  if (journal && isUnfinished(overtaken) && overtaken.startedAt < journal.startedAt)
    await writeJournal(member.cluster, { ...overtaken, finishedAt, outcome: "undone" });
}
