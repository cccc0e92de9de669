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
  const words = title(person).replace(/^[+\d]+/, '').trim().split(/\s+/);
  const letters = words.slice(0, 2).map((word) => [...word][0] ?? '').join('').toUpperCase();
  const colour = [...person.key].reduce((hash, letter) => (hash * 31 + letter.codePointAt(0)) % 9_973, 7) % COLOURS;
  const attributes = { class: `avatar colour-${colour}`, 'aria-hidden': 'true' };
  return el('span', attributes, letters || handle(person).slice(-2));
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
  const attributes = {
    type: 'button', class: 'person', 'data-key': person.key,
    'aria-current': person === store.person && 'true', onclick: () => choose(person),
  };
  return el('li', {},
    el('button', attributes,
      avatar(person),
      el('span', { class: 'lines' }, el('strong', {}, title(person)), el('small', {}, said)),
      el('span', { class: 'aside' },
        last && el('time', {}, clock(last.at)),
        chat.unread > 0 && el('span', { class: 'badge', title: 'unread' }, String(chat.unread)))));
}
