// A message as a line of the chat: bubble, what can be tapped, ticks.

import { content, list } from './content.js';
import { asText, clock, el, icon, link, words } from './dom.js';
import { summary } from './summary.js';

/** Messages that are no bubble but a note in the middle. */
const NOTES = new Set(['system', 'edit', 'revoke', 'request_welcome', 'unsupported']);
const TICKS = { sent: 'tick', delivered: 'ticks', read: 'ticks', failed: 'warn' };

/**
 * The line's element. `act.does(deed)` is called when something is tapped, `act.chooses(line)` when a list is to be
 * opened, `act.goes()` when the business asks where the person is; `find(wamid)` gives what a reply refers to.
 */
export function bubble(line, act, find) {
  if (line.notice || NOTES.has(line.message?.type)) {
    const text = line.notice ?? summary(line.message);
    return el('li', { class: line.notice ? 'note bad' : 'note' }, el('span', {}, text));
  }
  const side = line.isMine ? 'mine' : 'theirs';
  return el('li', { class: `line ${side}`, 'data-wamid': line.wamid, 'data-status': line.status ?? '' },
    el('div', { class: 'bubble' },
      el('span', { class: 'hidden' }, line.isMine ? 'You: ' : 'Business: '),
      quote(line, find),
      content(line.message),
      el('span', { class: 'meta', 'aria-live': 'off' }, el('time', {}, clock(line.at)), ticks(line)),
      reactions(line)),
    choices(line, act),
    trouble(line));
}

/** Brings up to date what changes after a message came: ticks, reactions, trouble. What can be tapped is left alone. */
export function refresh(element, line) {
  element.dataset.status = line.status ?? '';
  for (const [name, fresh] of [['.ticks', ticks(line)], ['.reactions', reactions(line)], ['.trouble', trouble(line)]]) {
    const old = element.querySelector(name);
    const parent = { '.ticks': '.meta', '.reactions': '.bubble' }[name];
    if (old && fresh) old.replaceWith(fresh);
    else if (old) old.remove();
    else if (fresh) (parent ? element.querySelector(parent) : element).append(fresh);
  }
}

function trouble(line) {
  return line.refusedWith && el('p', { class: 'trouble' }, icon('warn'), line.refusedWith);
}

function quote(line, find) {
  const to = line.message?.context?.id ?? line.message?.context?.message_id;
  const target = to && find(to);
  return target ? el('blockquote', {}, summary(target.message)) : null;
}

/** How far a message of the business has come. */
function ticks(line) {
  if (line.isMine) return null;
  const status = line.status ?? 'accepted';
  const label = status === 'failed' ? `failed, error ${line.code}` : status;
  return el('span', { class: `ticks ${status}`, role: 'img', 'aria-label': label, title: label },
    icon(TICKS[status] ?? 'clock'), status === 'failed' && el('b', {}, asText(line.code)));
}

function reactions(line) {
  const all = [line.mine.reaction, line.theirs.reaction].filter(Boolean);
  return all.length > 0 ? el('span', { class: 'reactions' }, all.map((emoji) => asText(emoji)).join(' ')) : null;
}

/** What can be tapped below a message of the business. */
function choices(line, act) {
  if (line.isMine) return null;
  const message = line.message ?? {};
  const found = message.type === 'interactive' ? ofInteractive(line, message.interactive ?? {}, act)
    : message.type === 'template' ? ofTemplate(line, message.template ?? {}, act) : [];
  return found.length > 0 ? el('div', { class: 'choices' }, found) : null;
}

function choice(name, label, onclick) {
  return el('button', { type: 'button', class: 'choice', onclick }, icon(name), el('span', {}, label));
}

function ofInteractive(line, interactive, act) {
  const action = interactive.action ?? {};
  const context = line.wamid;
  const buttons = list(action.buttons).map((button) => {
    const { id, title } = button?.reply ?? {};
    return choice('reply', asText(title), () => act.does({ tap: { id: asText(id), title: asText(title), context } }));
  });
  if (list(action.sections).length > 0) {
    buttons.push(choice('list', asText(action.button), () => act.chooses(line)));
  }
  if (action.name === 'send_location') buttons.push(choice('location', 'Send location', () => act.goes()));
  if (action.name === 'cta_url') {
    const label = [icon('open'), asText(action.parameters?.display_text)];
    buttons.push(link(action.parameters?.url, label, { class: 'choice' }));
  }
  return buttons;
}

/** The simulator doesn't know what a template's buttons say, only what stands behind them. */
function ofTemplate(line, template, act) {
  const replies = list(template.components).filter((component) =>
    asText(component?.type).toLowerCase() === 'button' && asText(component?.sub_type).toLowerCase() === 'quick_reply');
  const payloads = replies.flatMap((component) => list(component.parameters)).filter((one) => one?.type === 'payload');
  return payloads.map((one) => {
    const payload = asText(one.payload);
    return choice('reply', payload, () => act.does({ quickReply: { payload, text: payload, context: line.wamid } }));
  });
}

/** The rows of a list, to be shown in a sheet; `take(deed)` is called with the one that is chosen. */
export function rows(line, take) {
  const action = line.message.interactive?.action;
  return list(action?.sections).map((section) => el('section', { class: 'rows' },
    // The button's label stands above already.
    section?.title && section.title !== action.button && el('h3', {}, asText(section.title)),
    list(section?.rows).map((row) => {
      const [id, title] = [asText(row?.id), asText(row?.title)];
      const described = row?.description ? { description: asText(row.description) } : {};
      const tap = { id, title, context: line.wamid, isList: true, ...described };
      return el('button', { type: 'button', class: 'row', onclick: () => take({ tap }) },
        el('span', { class: 'lines' }, el('strong', {}, title), described.description && words(row.description, {})));
    })));
}
