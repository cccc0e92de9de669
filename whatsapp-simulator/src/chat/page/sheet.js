// The sheet in front of the chat: a list's rows, what can be attached, forms.

import { el, icon } from './dom.js';

const dialog = document.getElementById('sheet');
const heading = document.getElementById('sheet-title');
const inside = document.getElementById('sheet-content');

document.getElementById('sheet-close').addEventListener('click', () => dialog.close());
// A click beside the sheet hits the dialog itself.
dialog.addEventListener('click', (event) => event.target === dialog && dialog.close());

/** Opens the sheet with this in it. */
export function open(title, ...children) {
  heading.textContent = title;
  inside.replaceChildren(...children.flat());
  if (!dialog.open) dialog.showModal();
  inside.querySelector('input, button')?.focus();
}

/** Closes it. */
export function close() {
  dialog.close();
}

/**
 * Opens a form. A field is `{name, label, …attributes of the input}`; `done(values)` gets what was filled in and gives
 * an error to show, or nothing.
 */
export function ask(title, fields, label, done) {
  const trouble = el('p', { class: 'trouble', role: 'alert' });
  const inputs = fields.map(({ name, label: text, ...attributes }) => {
    const input = el('input', { name, id: `field-${name}`, autocomplete: 'off', ...attributes });
    return el('label', {}, el('span', {}, text), input);
  });
  const onsubmit = (event) => {
    event.preventDefault();
    const values = {};
    for (const [name, value] of new FormData(event.target)) if (value.trim() !== '') values[name] = value.trim();
    const error = done(values);
    trouble.textContent = error ?? '';
    if (!error) close();
  };
  const submit = el('button', { type: 'submit', class: 'wide' }, label);
  open(title, el('form', { class: 'form', onsubmit }, inputs, trouble, submit));
}

/** Opens a choice of tiles: `{icon, label, act}`. */
export function offer(title, tiles) {
  open(title, el('div', { class: 'tiles' }, tiles.map(({ icon: name, label, act }) =>
    el('button', { type: 'button', class: 'tile', onclick: act }, icon(name), el('span', {}, label)))));
}
