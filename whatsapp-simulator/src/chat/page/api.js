// The control API of the simulator.

/** How long the simulator may keep us waiting for news; it allows 30 s. */
const WAIT_MS = 25_000;
/** Pause before asking again when nobody answered. */
const PAUSE_MS = 1_000;

async function json(path, request = {}) {
  const answer = await fetch(path, { cache: 'no-store', ...request });
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(body.error ?? `the simulator answered ${answer.status}`);
  return body;
}

/** The settings in force. */
export function settings() {
  return json('/simulator/config');
}

/** Has a person do something; gives the message's id and what the webhook answered. */
export function write(person, phoneNumberId, deed) {
  const from = person.phone ?? person.bsuid;
  const beside = person.phone && person.bsuid ? { bsuid: person.bsuid } : {};
  return json(`/simulator/users/${encodeURIComponent(from)}/messages`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ phoneNumberId, name: person.name || from, ...beside, ...deed }),
  });
}

/**
 * Follows what happens, for ever: first what happened before, then what is new.
 *
 * `on.connected(isOther)` comes before the first events of a simulator, which may be another one than before;
 * `on.events(items, isNew)` whenever it answered; `on.whole()` once, when all that happened before is told; `on.lost()`
 * when it doesn't answer.
 */
export async function watch(on) {
  let run = null;
  let next = 0;
  let isWhole = false;
  let wait = 0;
  for (;;) {
    try {
      const answer = await json(`/simulator/events?since=${next}&waitMs=${wait}`);
      if (answer.run !== run) {
        const isOther = run !== null;
        await on.connected(isOther);
        run = answer.run;
        if (isOther) {
          [next, isWhole, wait] = [0, false, 0];
          continue;
        }
      }
      on.events(answer.items, isWhole);
      next = answer.next;
      if (!isWhole && answer.items.length === 0) {
        isWhole = true;
        on.whole();
      }
      wait = isWhole ? WAIT_MS : 0;
    } catch (error) {
      on.lost(error);
      wait = 0;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}
