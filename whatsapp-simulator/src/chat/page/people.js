// The people at the left.

import { clock, el } from './dom.js';
import { summary } from './summary.js';

/** Avatars have one of so many colours. */
const COLOURS = 6;

/** How a person is called where the name isn't known. */
export function title(person) {
  return person.name || handle(person);
}

/** By what Meta knows a person. */
export function handle(person) {
  return person.phone ? `+${person.phone}` : (person.bsuid ?? '');
}

function avatar(person) {
  const letters = title(person).replace(/^[+\d]+/, '').trim().split(/\s+/).map((word) => word[0] ?? '').slice(0, 2).join('');
  const colour = [...person.key].reduce((hash, letter) => (hash * 31 + letter.codePointAt(0)) % 9_973, 7) % COLOURS;
  return el('span', { class: `avatar colour-${colour}`, 'aria-hidden': 'true' }, letters.toUpperCase() || handle(person).slice(-2));
}

/** Draws the people, newest message first; `choose(person)` is called when one is picked. */
export function people(element, store, choose) {
  const newest = (person) => store.chat(person).lines.at(-1)?.at ?? Number.MAX_SAFE_INTEGER;
  const sorted = [...store.people].sort((a, b) => newest(b) - newest(a));
  const hadFocus = element.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  element.replaceChildren(...sorted.map((person) => entry(person, store, choose)));
  if (hadFocus) [...element.querySelectorAll('button')].find((one) => one.dataset.key === hadFocus)?.focus();
}

function entry(person, store, choose) {
  const chat = store.chat(person);
  const last = chat.lines.at(-1);
  const said = last ? `${last.isMine ? 'You: ' : ''}${last.notice ?? summary(last.message)}` : handle(person);
  const isOpen = person === store.person;
  return el('li', {},
    el('button', { type: 'button', class: 'person', 'data-key': person.key, 'aria-current': isOpen ? 'true' : null, onclick: () => choose(person) },
      avatar(person),
      el('span', { class: 'lines' }, el('strong', {}, title(person)), el('small', {}, said)),
      el('span', { class: 'aside' },
        last && el('time', {}, clock(last.at)),
        chat.unread > 0 && el('span', { class: 'badge', 'aria-label': `${chat.unread} unread` }, String(chat.unread)))));
}
