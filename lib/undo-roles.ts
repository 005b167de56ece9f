/** Taking a role change back, as long as nothing was promoted. */

import type { Wanted } from "./change-roles.ts";
import { TSB_NAMESPACE } from "./cluster.ts";
import { StepError } from "./errors.ts";
import { unfence } from "./fencing.ts";
import { isUnfinished, type Journal } from "./journal.ts";
import { withLocks } from "./lease.ts";
import { MP_RELEASE } from "./management-plane.ts";
import * as output from "./output.ts";
import { isActive, isPromoted, type Member, memberNamed, readMember, readPair } from "./pair.ts";
import { settleRelease } from "./release.ts";
import { finish, type RoleSettings } from "./role-change.ts";
import type { State } from "./state.ts";

/**
 * Takes an unfinished role change back: the old active serves again.
 * @throws StepError when the promotion has begun: then there is only the way forward
 */
export async function undoRoles(settings: RoleSettings, state: State, wanted: Wanted): Promise<void> {
  const members = await readPair(settings, state);
  const to = memberNamed(members, wanted.to);
  if (to.unreachable) throw gone(to, members);
  const { journal } = to;
  if (!isUnfinished(journal)) return output.already(`no role change to ${to.name} is under way: nothing to undo`);
  const from = memberNamed(members, journal.from);
  if (isPromoted(to)) throw onlyForward(to, journal);
  if (from.unreachable)
    throw new StepError(`${from.name} can't be reached, so it can't be let serve again: ${from.unreachable}`, {
      exitCode: 4,
    });
  if (wanted.dryRun) return output.wouldDo(`let ${from.name} serve again: ${JSON.stringify(journal.replicas)}`);
  await withLocks(
    [to.cluster, from.cluster],
    { what: `${wanted.again} UNDO=1`, force: settings.FORCE_UNLOCK },
    async () => {
      // A run that was killed may have left its helm at work, which promotes behind our back.
      if (journal.pointOfNoReturnPassed) await settleRelease(to.cluster, MP_RELEASE, TSB_NAMESPACE);
      if (isPromoted(await readMember(to, to.cluster))) throw onlyForward(to, journal);
      await unfence(from.cluster, journal.replicas, settings.INSTALL_TIMEOUT);
      await finish({ to, journal }, "undone");
      output.done(`undone: ${from.name} serves again, ${to.name} is its standby as before`);
    },
  );
}

function onlyForward({ name }: Member, { kind }: Journal): StepError {
  return new StepError(`${name} is promoted already: there is no way back, only forward`, {
    next: `make ${kind} TO=${name}`,
    exitCode: 4,
  });
}

/** With the instance its journal is out of reach, too; what it was to replace may still be there, fenced. */
function gone(to: Member, members: readonly Member[]): StepError {
  const [old] = members.filter((one) => one !== to && isActive(one));
  const next = old
    ? `if it does not come back: make failover TO=${old.name}, which lets ${old.name} serve again`
    : "make status";
  return new StepError(`${to.name} can't be reached: ${to.unreachable}`, { next });
}
