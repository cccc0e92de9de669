// The page: puts together what the other files know.

import { settings, watch, write } from './api.js';
import { attach, goes, PHONE, USER_ID } from './attach.js';
import { bubble, refresh, rows } from './bubble.js';
import { el, webAddress } from './dom.js';
import { handle, people, title } from './people.js';
import { ask, close, open } from './sheet.js';
import { MOST_LINES, Store } from './store.js';

const part = (id) => document.getElementById(id);
const [app, log, text] = [part('app'), part('log'), part('text')];
const store = new Store();
/** The lines in sight, by message. */
const shown = new Map();
let known = { webhookUrl: null, phoneNumbers: [] };
let isLost = false;
/** The last send that was refused before anybody could tell for whom it was. */
let refusal = null;

const act = {
  does: (deed) => void does(deed),
  chooses: (line) => open(line.message.interactive?.action?.button ?? 'Options', rows(line, act.does)),
  goes: () => goes(act.does),
};

/** The person in sight does something. */
async function does(deed) {
  const { person, number } = store;
  close();
  if (!person || !number) return;
  try {
    const { wamid, status } = await write(person, number, deed);
    if (status !== 200) {
      const line = store.refused(wamid, `The webhook answered ${status}`);
      if (line) redraw(line);
    }
  } catch (error) {
    show(store.note(person, number, `The business was not told: ${error.message}`).line);
  }
  // Where callbacks go may have been changed since.
  known = await settings().catch(() => known);
  drawFrame();
}

/** Adds a line to the chat in sight, if it belongs there. */
function show(line) {
  if (!line || line.person !== store.person || line.number !== store.number) return;
  log.querySelector('.empty')?.remove();
  const day = new Date(line.at).toDateString();
  if (log.dataset.day !== day) {
    log.dataset.day = day;
    const words = new Date(line.at).toLocaleDateString([], { weekday: 'long', day: 'numeric', month: 'long' });
    log.append(el('li', { class: 'note day' }, el('span', {}, words)));
  }
  const element = bubble(line, act, (wamid) => store.line(wamid));
  shown.set(line, element);
  log.append(element);
  while (log.children.length > MOST_LINES) log.firstElementChild.remove();
  if (isAtEnd || line.isMine) toEnd();
}

/** Whether the newest message is in sight: then it stays so. */
let isAtEnd = true;
function toEnd() {
  isAtEnd = true;
  log.scrollTop = log.scrollHeight;
}

/** Brings a line up to date, if it is in sight. */
function redraw(line) {
  if (!shown.has(line)) return;
  refresh(shown.get(line), line);
  if (isAtEnd) toEnd();
}

/** Draws the whole chat in sight. */
function drawChat() {
  log.replaceChildren();
  delete log.dataset.day;
  shown.clear();
  const chat = store.chat();
  if (!document.hidden) chat.unread = 0;
  if (chat.lines.length === 0) {
    log.append(el('li', { class: 'note empty' }, el('span', {}, 'Nothing was said yet. Write what starts a flow.')));
  }
  for (const line of chat.lines) show(line);
  toEnd();
  drawFrame();
}

let isDue = false;
/** Draws what stands around the chat, once for all that happens at a time. */
function drawFrame() {
  if (isDue) return;
  isDue = true;
  queueMicrotask(() => {
    isDue = false;
    people(part('people'), store, choose);
    const number = store.numbers.get(store.number);
    part('business').textContent = number ? `Business ${number.display ? `+${number.display}` : number.id}` : '…';
    const { person } = store;
    const who = person && [title(person), person.name && handle(person)].filter(Boolean).join(' · ');
    part('whoami').textContent = `You are ${who ?? 'nobody yet'}`;
    part('switch-number').hidden = store.numbers.size < 2 && known.phoneNumbers.length > 0;
    const unread = store.people.reduce((sum, one) => sum + store.chat(one).unread, 0);
    document.title = `${unread > 0 ? `(${unread}) ` : ''}Be the user · simulated WhatsApp`;
    drawConnection();
  });
}

function drawConnection() {
  const trouble = alarm();
  part('alarm').textContent = trouble ?? '';
  part('alarm').hidden = trouble === null;
  const host = webAddress(known.webhookUrl) ? new URL(known.webhookUrl).host : 'nobody';
  part('connection').textContent = isLost ? 'Not connected' : `Connected · callbacks go to ${host}`;
  part('connection').title = known.webhookUrl ?? '';
  part('connection').dataset.state = isLost ? 'lost' : trouble ? 'trouble' : 'good';
}

function alarm() {
  if (isLost) return 'The simulator does not answer. Trying again…';
  if (!known.webhookUrl) return 'Nobody hears what you write: no webhook is set. The simulator takes --webhook-url.';
  const answer = store.webhook?.answer;
  if (store.webhook && answer !== 200) {
    const how = answer === null ? 'The webhook does not answer' : `The webhook refuses callbacks with ${answer}`;
    return `${how}; WhatsApp tries again and again.`;
  }
  return refusal && `A send was refused: ${refusal.code} ${refusal.details}`;
}

/** Becomes this person. */
function choose(person) {
  store.person = person;
  location.hash = person.phone ?? person.bsuid;
  app.classList.add('in-chat');
  drawChat();
  if (matchMedia('(min-width: 720px)').matches) text.focus();
}

/** The person that the address names: so each window can be somebody else. */
function personOfAddress() {
  const id = location.hash.slice(1);
  if (new RegExp(`^(?:${USER_ID})$`).test(id)) return store.meet({ bsuid: id });
  return /^[0-9]{5,15}$/.test(id) ? store.meet({ phone: id }) : null;
}

function addPerson() {
  const fields = [
    { name: 'name', label: 'Name', required: true, maxlength: 60 },
    { name: 'phone', label: 'Phone', type: 'tel', pattern: PHONE, placeholder: '+1 555 000 1111' },
    { name: 'bsuid', label: 'Business-scoped user id', pattern: USER_ID, placeholder: 'US.13491208655302741918' },
  ];
  ask('Add a person', fields, 'Add', (values) => {
    if (!values.phone && !values.bsuid) return 'Fill in a phone, or an id for somebody who hides it, or both.';
    choose(store.meet(values));
    return null;
  });
}

function switchNumber() {
  const go = (id) => {
    store.know(id);
    store.number = id;
    close();
    drawChat();
  };
  const numbers = [...store.numbers.values()].map(({ id, display }) =>
    el('button', { type: 'button', class: 'row', onclick: () => go(id) },
      el('span', { class: 'lines' }, el('strong', {}, display ? `+${display}` : id), el('small', {}, id))));
  if (known.phoneNumbers.length > 0) return open('Business number', el('section', { class: 'rows' }, numbers));
  const id = { name: 'id', label: 'Phone number id', required: true, pattern: '[A-Za-z0-9]+', value: store.number };
  return ask('Business number', [id], 'Write to it', (values) => void go(values.id));
}

function submit(event) {
  event?.preventDefault();
  if (text.value.trim() === '') return;
  act.does({ text: text.value });
  text.value = '';
}

text.addEventListener('keydown', (event) => {
  // Enter also ends a word of an input method; that is no sending.
  if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) submit(event);
});
log.addEventListener('scroll', () => {
  isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 80;
});
// A picture is as high as a line until it is there (its event doesn't bubble), and the alarm takes room.
log.addEventListener('load', () => isAtEnd && toEnd(), { capture: true });
new ResizeObserver(() => isAtEnd && toEnd()).observe(log);
part('composer').addEventListener('submit', submit);
part('attach').addEventListener('click', () => attach(act.does));
part('add-person').addEventListener('click', addPerson);
part('switch-number').addEventListener('click', switchNumber);
part('back').addEventListener('click', () => app.classList.remove('in-chat'));
document.addEventListener('visibilitychange', () => {
  if (!document.hidden) store.chat().unread = 0;
  drawFrame();
});
addEventListener('hashchange', () => {
  const person = personOfAddress();
  if (person && person !== store.person) choose(person);
});

store.person = personOfAddress();
void watch({
  async connected(isOther) {
    known = await settings();
    if (isOther) store.forget();
    for (const { id, display } of known.phoneNumbers) store.know(id, display);
    drawChat();
  },
  events(items, isNew) {
    isLost = false;
    for (const event of items) {
      const { line, changed, everything, refusal: refused } = store.take(event, isNew);
      if (event.kind === 'sent') refusal = null;
      if (isNew && refused) refusal = refused;
      if (everything) drawChat();
      show(line);
      if (changed) redraw(changed);
    }
    drawFrame();
  },
  whole() {
    if (store.people.length === 0) store.meet({ phone: '15550001111', name: 'Kim' });
    if (store.numbers.size === 0) store.know('100200300');
    if (location.hash) app.classList.add('in-chat');
    drawChat();
  },
  lost() {
    isLost = true;
    drawFrame();
  },
});
