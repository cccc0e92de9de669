// What the page knows: people, chats, messages. It follows from the simulator's events; nothing is drawn here.

/** Messages kept of a chat. */
export const MOST_LINES = 1_000;

const RANK = { sent: 1, delivered: 2, read: 3, failed: 4 };

/** Only the digits of a phone. */
export function digits(phone) {
  return (phone ?? '').replace(/\D/g, '');
}

export class Store {
  /** In the order in which they came: `{key, phone, bsuid, name}`. */
  people = [];
  /** By id: `{id, display}`. */
  numbers = new Map();
  /** The number written to, and the person who writes. */
  number = null;
  person = null;
  /** What the webhook answered last; null before the first call. */
  webhook = null;
  /** The chats, by number and person. */
  #chats = new Map();
  /** The messages, by id. */
  #lines = new Map();
  /** What the webhook answered to messages that are not here yet, where it wasn't 200. */
  #refused = new Map();

  /** The chat of a person with a number: `{lines, unread}`. */
  chat(person = this.person, number = this.number) {
    const key = `${number} ${person?.key}`;
    if (!this.#chats.has(key)) this.#chats.set(key, { lines: [], unread: 0 });
    return this.#chats.get(key);
  }

  /** The message of this id, if it was seen. */
  line(wamid) {
    return this.#lines.get(wamid);
  }

  /** The person with this phone or business-scoped id, who may be new. */
  meet({ phone, bsuid, name }) {
    const byPhone = phone ? this.people.find((one) => one.phone === digits(phone)) : null;
    const known = byPhone ?? (bsuid ? this.people.find((one) => one.bsuid === bsuid) : null);
    if (!known) {
      const [ownPhone, ownId] = [digits(phone) || null, bsuid || null];
      const person = { key: ownPhone ?? ownId, phone: ownPhone, bsuid: ownId, name: name ?? '' };
      this.people.push(person);
      this.person ??= person;
      return person;
    }
    known.phone ??= digits(phone) || null;
    known.bsuid ??= bsuid || null;
    known.name = name || known.name;
    return known;
  }

  /** A number that was heard of. */
  know(id, display = null) {
    if (!this.numbers.has(id) || display) this.numbers.set(id, { id, display });
    this.number ??= id;
  }

  /**
   * Takes an event. Gives what it changed: `{line}` is new, `{changed}` looks otherwise now, `{refusal}` was for nobody
   * known, `{everything}` is gone.
   */
  take(event, isNew) {
    switch (event.kind) {
      case 'wrote': return this.#wrote(event);
      case 'sent': return this.#sent(event, isNew);
      case 'status': return this.#status(event);
      case 'refused': return this.#refusal(event, isNew);
      case 'callback':
        this.webhook = { answer: event.statusCode };
        return {};
      case 'reset':
        this.forget();
        return { everything: true };
      default: return {};
    }
  }

  /** Forgets all messages; people and numbers stay. */
  forget() {
    this.#chats.clear();
    this.#lines.clear();
    this.#refused.clear();
    this.webhook = null;
  }

  #wrote({ phoneNumberId, from, wamid, at, message }) {
    this.know(phoneNumberId);
    const person = this.meet(from);
    if (message?.type === 'reaction') {
      const target = this.#lines.get(message.reaction?.message_id);
      if (target) {
        target.mine.reaction = message.reaction.emoji ?? '';
        return { changed: target };
      }
    }
    if (message?.type === 'system') this.#becomes(person, message.system ?? {});
    return this.#add(person, phoneNumberId, { wamid, at, message, isMine: true }, false);
  }

  /** A person who changed phone or id goes on in the same chat. */
  #becomes(person, { wa_id, user_id, type }) {
    if (wa_id) person.phone = digits(wa_id);
    // Meta makes a new id for a new phone: the old one is gone even where no new one is told.
    if (user_id || type === 'user_changed_number') person.bsuid = user_id ?? null;
    // Who had that phone or id here before has it no more, and was mostly only named by the page's address.
    const isOld = (other) => other !== person
      && ((person.phone && other.phone === person.phone) || (person.bsuid && other.bsuid === person.bsuid));
    if (this.person && isOld(this.person)) this.person = person;
    this.people = this.people.filter((other) => !isOld(other));
  }

  #sent({ phoneNumberId, to, recipient, wamid, at, message }, isNew) {
    this.know(phoneNumberId);
    const person = this.meet({ phone: to, bsuid: recipient });
    const target = message?.type === 'reaction' ? this.#lines.get(message.reaction?.message_id) : null;
    if (target) {
      target.theirs.reaction = message.reaction.emoji ?? '';
      return { changed: target };
    }
    return this.#add(person, phoneNumberId, { wamid, at, message, isMine: false }, isNew);
  }

  #status({ wamid, status, code }) {
    const line = this.#lines.get(wamid);
    // Callbacks may be out of order; ticks never go back.
    if (!line || (RANK[status] ?? 0) <= (RANK[line.status] ?? 0)) return {};
    Object.assign(line, { status, code });
    return { changed: line };
  }

  #refusal({ at, refusal }, isNew) {
    if (!refusal.to) return { refusal };
    const isPhone = !refusal.to.includes('.');
    const person = this.meet(isPhone ? { phone: refusal.to } : { bsuid: refusal.to });
    const notice = `A message to you was refused: ${refusal.code} ${refusal.details}`;
    return this.#add(person, refusal.phoneNumberId, { wamid: null, at, notice, isMine: false }, isNew);
  }

  /** A note in a chat that only this page knows of. */
  note(person, number, notice) {
    return this.#add(person, number, { wamid: null, at: Date.now(), notice, isMine: true }, false);
  }

  /** The webhook didn't take a message of a person. Gives the line, if it is here already. */
  refused(wamid, status) {
    const line = this.#lines.get(wamid);
    if (line) line.refusedWith = status;
    else this.#refused.set(wamid, status);
    return line;
  }

  #add(person, number, fields, isUnread) {
    const line = { person, number, status: null, code: null, refusedWith: null, mine: {}, theirs: {}, ...fields };
    const chat = this.chat(person, number);
    // The same message again, under the same id, is the same line.
    if (line.wamid && this.#lines.has(line.wamid)) return {};
    if (line.wamid) {
      this.#lines.set(line.wamid, line);
      line.refusedWith = this.#refused.get(line.wamid) ?? null;
      this.#refused.delete(line.wamid);
    }
    chat.lines.push(line);
    if (chat.lines.length > MOST_LINES) this.#lines.delete(chat.lines.shift().wamid);
    const isOpen = person === this.person && number === this.number && !document.hidden;
    if (isUnread && !isOpen) chat.unread += 1;
    return { line };
  }
}
